//! Closed shadow roots. A page's own scripts cannot be asked for them, and are not touched: the protocol names them,
//! and hands them to the page scripts' own world, which keeps them.

use chromiumoxide::cdp::browser_protocol::dom::{
    BackendNodeId, DescribeNodeParams, ResolveNodeParams,
};
use chromiumoxide::cdp::js_protocol::runtime::{
    CallArgument, CallFunctionOnParams, EvaluateParams, GetPropertiesParams, RemoteObjectId,
};
use futures::future::join_all;
use serde_json::Value;

use crate::error::BrowserError;
use crate::page::Page;
use crate::view::View;

/// Roots in roots; and a bound on what a page that makes ever more of them can cost.
const ROUNDS: usize = 8;
const GROUP: &str = "computetower";

impl Page {
    /// Asks for the closed roots of the elements that may have one, and of those in them. Whether any was found.
    pub(crate) async fn adopt_closed_roots(&self, place: &str) -> Result<bool, BrowserError> {
        let view = self.view(place).await?;
        let mut any = false;
        for _ in 0..ROUNDS {
            let hosts = self.unseen_hosts(&view).await?;
            if hosts.is_empty() {
                break;
            }
            let described = join_all(hosts.into_iter().map(|host| {
                let describe = DescribeNodeParams {
                    object_id: Some(RemoteObjectId::new(host)),
                    ..Default::default()
                };
                self.ask(&view, describe)
            }))
            .await;
            // An element that went meanwhile has nothing to show.
            let nodes = described.iter().flatten().filter_map(|d| d.get("node"));
            let roots: Vec<i64> = nodes.flat_map(closed_roots).collect();
            if roots.is_empty() {
                continue;
            }
            any |= self.hand_over(&view, roots).await?;
        }
        self.release(&view);
        Ok(any)
    }

    /// Asks for every closed root of a document, whether or not an element looks like it has one. Costs a description
    /// of the whole document: for pages that show nothing to type into.
    pub(crate) async fn adopt_all_closed_roots(&self, place: &str) -> Result<bool, BrowserError> {
        let view = self.view(place).await?;
        let document = EvaluateParams {
            context_id: Some(view.context),
            object_group: Some(GROUP.to_owned()),
            ..EvaluateParams::new("document")
        };
        let document = self.ask(&view, document).await?;
        let Some(object) = document.pointer("/result/objectId").and_then(Value::as_str) else {
            return Ok(false);
        };
        let describe = DescribeNodeParams {
            object_id: Some(RemoteObjectId::new(object)),
            depth: Some(-1),
            pierce: Some(true),
            ..Default::default()
        };
        let described = self.ask(&view, describe).await?;
        let mut roots = Vec::new();
        if let Some(node) = described.get("node") {
            walk(node, &mut roots);
        }
        let any = !roots.is_empty() && self.hand_over(&view, roots).await?;
        self.release(&view);
        Ok(any)
    }

    /// Object ids of the elements that the page scripts cannot look into, and have not asked about lately.
    async fn unseen_hosts(&self, view: &View) -> Result<Vec<String>, BrowserError> {
        let list = EvaluateParams {
            context_id: Some(view.context),
            object_group: Some(GROUP.to_owned()),
            ..EvaluateParams::new("__ct.unseen()")
        };
        let list = self.ask(view, list).await?;
        let Some(object) = list.pointer("/result/objectId").and_then(Value::as_str) else {
            return Ok(Vec::new());
        };
        let get = GetPropertiesParams {
            own_properties: Some(true),
            ..GetPropertiesParams::new(RemoteObjectId::new(object))
        };
        let properties = self.ask(view, get).await?;
        let properties = properties.get("result").and_then(Value::as_array);
        let ids = properties.into_iter().flatten().filter_map(|property| {
            property
                .get("name")?
                .as_str()?
                .parse::<usize>()
                .ok()
                .and(property.pointer("/value/objectId")?.as_str())
                .map(str::to_owned)
        });
        Ok(ids.collect())
    }

    async fn hand_over(&self, view: &View, roots: Vec<i64>) -> Result<bool, BrowserError> {
        let resolved = join_all(roots.into_iter().map(|root| {
            let resolve = ResolveNodeParams {
                backend_node_id: Some(BackendNodeId::new(root)),
                execution_context_id: Some(view.context),
                object_group: Some(GROUP.to_owned()),
                ..Default::default()
            };
            self.ask(view, resolve)
        }))
        .await;
        // One that went meanwhile, or belongs to a frame with scripts of its own, is left out.
        let arguments = resolved.iter().flatten().filter_map(|answer| {
            let object = answer.pointer("/object/objectId")?.as_str()?;
            Some(CallArgument {
                object_id: Some(RemoteObjectId::new(object)),
                ..Default::default()
            })
        });
        let call = CallFunctionOnParams {
            arguments: Some(arguments.collect()),
            execution_context_id: Some(view.context),
            return_by_value: Some(true),
            ..CallFunctionOnParams::new("(...roots) => __ct.adopt(roots)")
        };
        let taken = self.ask(view, call).await?;
        Ok(taken.pointer("/result/value").and_then(Value::as_u64) > Some(0))
    }
}

fn list<'a>(node: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    let list = node.get(name).and_then(Value::as_array);
    list.into_iter().flatten()
}

fn closed_roots(node: &Value) -> Vec<i64> {
    let closed = list(node, "shadowRoots")
        .filter(|root| root.get("shadowRootType").and_then(Value::as_str) == Some("closed"));
    closed
        .filter_map(|root| root.get("backendNodeId").and_then(Value::as_i64))
        .collect()
}

fn walk(node: &Value, roots: &mut Vec<i64>) {
    roots.extend(closed_roots(node));
    for inner in list(node, "shadowRoots").chain(list(node, "children")) {
        walk(inner, roots);
    }
    if let Some(document) = node.get("contentDocument") {
        walk(document, roots);
    }
}
