//! With which account a question is asked, where a provider has several: the one used longest ago that has a free place. Pure.

use chrono::{DateTime, Utc};

use crate::ids::CredentialId;

/// A place at a provider's page: an account, or the page itself where it has no login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The account; none for a page without a login.
    pub credential: Option<CredentialId>,
    /// False once the web app has refused it.
    pub active: bool,
    /// Until when the web app asked it to slow down.
    pub limited_until: Option<DateTime<Utc>>,
    /// Other jobs that run with it.
    pub taken: u32,
    /// How many may, by the limits that name it; none: any number.
    pub places: Option<u32>,
}

/// What speaks for an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The conversation was had with this account.
    pub home: Option<CredentialId>,
    /// This attempt has tried these already.
    pub tried: Vec<CredentialId>,
    /// Somebody else can be asked instead: an account that was asked to slow down is left alone.
    pub choosy: bool,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// This place is taken.
    Take(Option<CredentialId>),
    /// All that may be used have no free place at present.
    Busy,
    /// All that may be used were asked to slow down until then.
    Limited(DateTime<Utc>),
    /// The web app has refused all of them.
    Refused,
}

impl Account {
    fn has_room(&self) -> bool {
        self.places.is_none_or(|places| self.taken < places)
    }

    fn limit(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.limited_until.filter(|until| *until > now)
    }
}

/// Chooses among accounts that stand in the order of their last use, the one used longest ago first.
#[must_use]
pub fn choose(accounts: &[Account], wishes: &Wishes, now: DateTime<Utc>) -> Choice {
    let tried = |account: &&Account| {
        !account
            .credential
            .is_some_and(|id| wishes.tried.contains(&id))
    };
    let usable = || accounts.iter().filter(|a| a.active).filter(tried);
    // What was begun with one account is not known to the others.
    let home = wishes
        .home
        .and_then(|home| usable().find(|account| account.credential == Some(home)));
    if let Some(account) = home {
        return keep_to(account, wishes, now);
    }
    let unlimited = || usable().filter(|account| account.limit(now).is_none());
    if let Some(free) = unlimited().find(|account| account.has_room()) {
        return Choice::Take(free.credential);
    }
    if unlimited().next().is_some() {
        return Choice::Busy;
    }
    let soonest = usable().filter_map(|account| account.limit(now)).min();
    match (soonest, usable().find(|account| account.has_room())) {
        (None, _) => Choice::Refused,
        (Some(until), _) if wishes.choosy => Choice::Limited(until),
        (Some(_), Some(account)) => Choice::Take(account.credential),
        (Some(_), None) => Choice::Busy,
    }
}

/// What is to be done when an earlier attempt has typed the question in this place: it is looked for there and nowhere else, even when the account was
/// refused or taken from the provider since. Elsewhere the question would not be found, and would be typed again.
#[must_use]
pub fn again(
    accounts: &[Account],
    typed: Option<CredentialId>,
    wishes: &Wishes,
    now: DateTime<Utc>,
) -> Choice {
    match accounts.iter().find(|account| account.credential == typed) {
        Some(account) => keep_to(account, wishes, now),
        None => Choice::Take(typed),
    }
}

fn keep_to(account: &Account, wishes: &Wishes, now: DateTime<Utc>) -> Choice {
    match (account.limit(now), account.has_room()) {
        (Some(until), _) if wishes.choosy => Choice::Limited(until),
        (_, false) => Choice::Busy,
        (_, true) => Choice::Take(account.credential),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use proptest::prelude::*;

    fn account(taken: u32, places: Option<u32>) -> Account {
        Account {
            credential: Some(CredentialId::generate()),
            active: true,
            limited_until: None,
            taken,
            places,
        }
    }

    #[test]
    fn the_one_used_longest_ago_that_is_free_is_taken() {
        let now = Utc::now();
        let mut accounts = vec![account(1, Some(1)), account(0, Some(1)), account(0, None)];
        let choice = |accounts: &[Account]| choose(accounts, &Wishes::default(), now);
        assert_eq!(choice(&accounts), Choice::Take(accounts[1].credential));
        accounts[1].active = false;
        assert_eq!(choice(&accounts), Choice::Take(accounts[2].credential));
        accounts[2].limited_until = Some(now + TimeDelta::seconds(9));
        assert_eq!(choice(&accounts), Choice::Busy);
        accounts[0].active = false;
        assert_eq!(choice(&accounts), Choice::Take(accounts[2].credential));
        let choosy = Wishes {
            choosy: true,
            ..Wishes::default()
        };
        assert_eq!(
            choose(&accounts, &choosy, now),
            Choice::Limited(now + TimeDelta::seconds(9))
        );
        accounts[2].active = false;
        assert_eq!(choice(&accounts), Choice::Refused);
    }

    #[test]
    fn a_conversation_stays_with_its_account_as_long_as_that_is_good() {
        let now = Utc::now();
        let mut accounts = vec![account(0, None), account(1, Some(1))];
        let wishes = Wishes {
            home: accounts[1].credential,
            ..Wishes::default()
        };
        assert_eq!(choose(&accounts, &wishes, now), Choice::Busy);
        accounts[1].taken = 0;
        assert_eq!(
            choose(&accounts, &wishes, now),
            Choice::Take(accounts[1].credential)
        );
        accounts[1].active = false;
        assert_eq!(
            choose(&accounts, &wishes, now),
            Choice::Take(accounts[0].credential)
        );
    }

    #[test]
    fn a_typed_question_is_looked_for_where_it_was_typed_and_nowhere_else() {
        let now = Utc::now();
        let mut accounts = vec![account(0, None), account(0, Some(1))];
        let typed = accounts[1].credential;
        let choice = |accounts: &[Account]| again(accounts, typed, &Wishes::default(), now);
        assert_eq!(choice(&accounts), Choice::Take(typed));
        accounts[1].taken = 1;
        assert_eq!(choice(&accounts), Choice::Busy);
        accounts[1].taken = 0;
        accounts[1].active = false;
        assert_eq!(choice(&accounts), Choice::Take(typed), "it was refused");
        accounts.truncate(1);
        assert_eq!(choice(&accounts), Choice::Take(typed), "it was taken away");
        // The page had no login then.
        let unknown = again(&accounts, None, &Wishes::default(), now);
        assert_eq!(unknown, Choice::Take(None));
    }

    proptest! {
        #[test]
        fn nobody_takes_a_refused_account_or_one_that_is_full(
            kinds in prop::collection::vec((any::<bool>(), any::<bool>(), 0u32..3, prop::option::of(0u32..3)), 0..5),
            home in prop::option::of(0usize..5), tried in prop::option::of(0usize..5), choosy: bool,
        ) {
            let now = Utc::now();
            let accounts: Vec<Account> = kinds.iter().map(|(active, limited, taken, places)| Account {
                active: *active,
                limited_until: limited.then(|| now + TimeDelta::seconds(5)),
                ..account(*taken, *places)
            }).collect();
            let id = |at: Option<usize>| at.and_then(|at| accounts.get(at)).and_then(|account| account.credential);
            let wishes = Wishes { home: id(home), tried: id(tried).into_iter().collect(), choosy };
            if let Choice::Take(id) = choose(&accounts, &wishes, now) {
                let taken = accounts.iter().find(|account| account.credential == id);
                prop_assert!(taken.is_some_and(|account| account.active && account.has_room()));
                prop_assert!(!id.is_some_and(|id| wishes.tried.contains(&id)));
                prop_assert!(!choosy || taken.is_some_and(|account| account.limited_until.is_none()));
            }
        }
    }
}
