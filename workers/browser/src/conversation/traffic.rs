//! What the traffic says about an answer that the page shows: whether the stream that carries it is open, has ended,
//! or is ahead of the page. Pure.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::chat_map::StreamMethod;
use crate::network::recipe::{Carried, Recipe};
use crate::network::tap::{Exchange, Heard};

/// How long after a reply that holds the whole conversation no other may come, for it to have been the last.
const WHOLE_RESTS: Duration = Duration::from_secs(4);

/// What the traffic says about the answer shown.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Traffic {
    pub(super) stream_open: bool,
    pub(super) stream_ended: bool,
    /// The stream that carried the answer broke off, and no other has carried more.
    pub(super) broken: bool,
    pub(super) polling_stopped: bool,
    pub(super) page_behind: bool,
    /// Something that was asked for has not come yet.
    pub(super) waiting: bool,
    pub(super) failed: Option<u16>,
}

/// Several whole responses from one address are polling.
pub(super) fn polled(mut recipe: Recipe, heard: &Heard) -> Recipe {
    let same = |method| {
        heard
            .exchanges
            .iter()
            .filter(|e| e.address == recipe.address && e.method == method)
            .count()
    };
    if recipe.method == StreamMethod::Response && same(StreamMethod::Response) > 2 {
        recipe.method = StreamMethod::Polling;
    }
    recipe
}

/// What is asked for so soon after a question was sent is the question's own.
const OWN: Duration = Duration::from_millis(1500);

/// What tells the question's own traffic from the page's other business.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The ways by which answers are known to come.
    pub(super) recipes: &'a [Recipe],
    /// When the question was sent; none where it was found on the page.
    pub(super) sent: Option<Instant>,
}

impl Asked<'_> {
    fn is_own(&self, exchange: &Exchange) -> bool {
        let mut ways = self.recipes.iter();
        let soon = |sent: Instant| exchange.asked >= sent && exchange.asked <= sent + OWN;
        self.recipes.is_empty()
            || ways.any(|recipe| recipe.address == exchange.address)
            || self.sent.is_some_and(soon)
    }
}

/// Whether the same was asked for again, and came.
fn is_mended(heard: &Heard, failed: &Exchange) -> bool {
    let mut later = heard.exchanges.iter();
    later.any(|e| e.address == failed.address && e.asked > failed.asked && !e.refused)
}

pub(super) fn judge_traffic(
    heard: &Heard,
    asked: Asked<'_>,
    carrying: &HashMap<u64, Carried>,
    shown: usize,
    any_text: bool,
) -> Traffic {
    let mut traffic = Traffic::default();
    for exchange in &heard.exchanges {
        let own = asked.is_own(exchange);
        if exchange.status.is_some() && own && !is_mended(heard, exchange) {
            traffic.failed = exchange.status;
        }
        traffic.waiting |= exchange.open && exchange.ends && own;
        let streams = matches!(
            exchange.method,
            StreamMethod::Sse | StreamMethod::FetchStream
        );
        // Before there is text to compare, any body that streams may be the answer's.
        if !any_text && exchange.ends && streams && exchange.open {
            traffic.stream_open = true;
        }
    }
    let broken = |number: u64| {
        let carrier = heard
            .exchanges
            .iter()
            .find(|exchange| exchange.number == number);
        carrier.is_some_and(|exchange| exchange.broken && exchange.method != StreamMethod::Response)
    };
    let longest = |of_broken: bool| {
        let lengths = carrying
            .iter()
            .filter(|(number, _)| broken(**number) == of_broken);
        lengths.map(|(_, carried)| carried.length).max()
    };
    traffic.broken = longest(true) > longest(false);
    for (number, carried) in carrying {
        let length = carried.length;
        let Some(first) = heard
            .exchanges
            .iter()
            .find(|exchange| exchange.number == *number)
        else {
            continue;
        };
        if length > shown {
            traffic.page_behind = true;
        }
        if !first.ends {
            continue;
        }
        if first.method == StreamMethod::Response {
            let alike: Vec<_> = heard
                .exchanges
                .iter()
                .filter(|e| e.address == first.address && e.ends)
                .collect();
            let open = alike.iter().any(|exchange| exchange.open);
            let ends: Vec<Instant> = alike.iter().filter_map(|exchange| exchange.ended).collect();
            let (Some(oldest), Some(newest)) = (ends.iter().min(), ends.iter().max()) else {
                continue;
            };
            // The whole conversation is also what pages poll for: more of the answer may come with the next reply.
            let rested = !carried.among_others || newest.elapsed() > WHOLE_RESTS;
            if alike.len() <= 2 {
                traffic.stream_ended |= !open && length == shown && rested;
            } else if !open && length == shown {
                let rhythm = (*newest - *oldest) / u32::try_from(alike.len() - 1).unwrap_or(1);
                traffic.polling_stopped |=
                    newest.elapsed() > (rhythm * 3).max(Duration::from_millis(900));
            }
            continue;
        }
        if first.open {
            traffic.stream_open = true;
        } else if length == shown {
            traffic.stream_ended = true;
        }
    }
    traffic
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(address: &str, asked: Instant, status: Option<u16>) -> Exchange {
        Exchange {
            number: 1,
            method: StreamMethod::Response,
            address: address.to_owned(),
            open: false,
            ends: true,
            status,
            refused: status.is_some(),
            asked,
            asks: true,
            began: asked,
            ended: None,
            broken: false,
        }
    }

    fn failed(exchanges: Vec<Exchange>, sent: Instant) -> Option<u16> {
        let heard = Heard {
            exchanges,
            ..Heard::default()
        };
        let recipe = Recipe {
            method: StreamMethod::Websocket,
            address: "/socket".to_owned(),
            tag: String::new(),
            leaf: "text".to_owned(),
            mode: crate::network::recipe::Mode::Delta,
        };
        let asked = Asked {
            recipes: &[recipe],
            sent: Some(sent),
        };
        judge_traffic(&heard, asked, &HashMap::new(), 0, false).failed
    }

    #[test]
    fn what_fails_beside_a_question_is_not_its_failure() {
        let sent = Instant::now();
        let later = sent + Duration::from_secs(20);
        let own = exchange("/ask", sent, Some(500));
        assert_eq!(failed(vec![own.clone()], sent), Some(500));
        assert_eq!(
            failed(vec![exchange("/statistics", later, Some(500))], sent),
            None
        );
        let again = exchange("/ask", sent + Duration::from_millis(900), None);
        assert_eq!(
            failed(vec![own, again], sent),
            None,
            "asked again, and answered"
        );
    }

    const ANY: Asked<'_> = Asked {
        recipes: &[],
        sent: None,
    };

    fn heard(ended: Instant) -> Heard {
        let mut one = exchange("/update", ended, None);
        one.ended = Some(ended);
        Heard {
            exchanges: vec![one],
            ..Heard::default()
        }
    }

    #[test]
    fn a_reply_that_holds_the_whole_conversation_has_to_be_the_last_for_a_while() {
        let carrying = |among_others| {
            let length = 8;
            HashMap::from([(
                1,
                Carried {
                    length,
                    among_others,
                },
            )])
        };
        let ends = |at: Instant, among_others| {
            judge_traffic(&heard(at), ANY, &carrying(among_others), 8, true).stream_ended
        };
        // A minute from now has not been long ago, however slow the machine is.
        let just_now = Instant::now() + Duration::from_secs(60);
        assert!(ends(just_now, false));
        assert!(!ends(just_now, true));
        assert!(ends(Instant::now() - WHOLE_RESTS * 2, true));
    }
}
