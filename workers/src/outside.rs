//! What is outside of the platform: services that an operator may lend to workers, a vision model and a solver of challenges (without settings there are
//! none), and how sites are asked that are crawled.

use std::sync::Arc;

use computetower_crawl::fetch::{FetchSettings, Fetcher};
use computetower_crawl::hosts::Hosts;

use crate::captcha::{Solver, SolverSettings};
use crate::vision::{Vision, VisionSettings};

/// Which of them there are.
#[derive(Clone, Debug, Default)]
pub struct OutsideSettings {
    /// A vision model.
    pub vision: Option<VisionSettings>,
    /// A solver of challenges.
    pub solver: Option<SolverSettings>,
    /// How sites are asked that are crawled.
    pub fetch: FetchSettings,
}

/// Those of this process.
#[derive(Clone, Default)]
pub(crate) struct Outside {
    /// A vision model.
    pub(crate) vision: Option<Arc<Vision>>,
    /// A solver of challenges.
    pub(crate) solver: Option<Arc<Solver>>,
    /// Asks sites that are crawled. `None` where TLS cannot be used.
    pub(crate) fetcher: Option<Fetcher>,
    /// The pace of each host, whatever number of crawls asks it.
    pub(crate) hosts: Hosts,
}

impl Outside {
    /// Makes the clients. One that cannot be made is left out, and the log says so: work goes on without it.
    pub(crate) fn new(settings: &OutsideSettings) -> Self {
        let failed = |what: &str, error: reqwest::Error| {
            tracing::error!(error = %error, "{what} cannot be used");
        };
        let vision = settings.vision.clone().and_then(|settings| {
            Vision::new(settings)
                .map_err(|error| failed("the vision model", error))
                .ok()
        });
        let solver = settings.solver.clone().and_then(|settings| {
            Solver::new(settings)
                .map_err(|error| failed("the solver of challenges", error))
                .ok()
        });
        let fetcher = Fetcher::new(settings.fetch.clone())
            .map_err(|error| failed("the crawler's requests", error))
            .ok();
        Self {
            vision: vision.map(Arc::new),
            solver: solver.map(Arc::new),
            fetcher,
            hosts: Hosts::default(),
        }
    }
}
