//! What a case does: drawn from the seed and the number of the case, and from nothing else.

use std::fmt;

use crate::dice::Dice;

/// A process type that can be hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Role {
    Web,
    Worker,
    Dispatcher,
}

impl Role {
    pub(crate) const ALL: [Role; 3] = [Role::Web, Role::Worker, Role::Dispatcher];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Web => "web",
            Role::Worker => "worker",
            Role::Dispatcher => "dispatcher",
        })
    }
}

/// A service that a process is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Service {
    Postgres,
    Redis,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// Nothing: what the others are compared with.
    Nothing,
    /// `kill -9`, and another process in its place at once.
    Kill(Role),
    /// SIGTERM, and another process once it has ended.
    Terminate(Role),
    /// SIGSTOP: for five seconds, and for a worker two leases long.
    Freeze(Role),
    /// Killed with -9 and started again, empty.
    RedisRestart,
    /// SIGSTOP for five seconds.
    RedisFreeze,
    /// `CLIENT PAUSE 5000 ALL`.
    RedisPause,
    /// `FLUSHALL`.
    RedisFlush,
    /// `FLUSHALL`, and `kill -9` of a worker at once: what it said since it last saved is heard by some, and known to nobody.
    FlushAndKill,
    /// A fast shutdown, and started again.
    PostgresRestart,
    /// An immediate shutdown (no checkpoint, recovery from the log), and started again.
    PostgresCrash,
    /// All its processes stopped for five seconds.
    PostgresFreeze,
    /// Every connection between the two ends; new ones are fine.
    Cut(Role, Service),
    /// Every connection ends, and new ones end at once, for five seconds.
    Refuse(Role, Service),
    /// Nothing passes, in no direction, for five seconds; then all of it does.
    Hold(Role, Service),
    /// Messages come twice, and old ones again.
    Duplicate,
    /// The object store refuses for five seconds.
    ObjectsRefuse,
    /// The clock of the first worker is off by so many seconds.
    Clock(i32),
}

impl Fault {
    /// The name of the fault without its victim, and the victim: the table's two columns.
    pub(crate) fn names(self) -> (String, String) {
        let between = |role: Role, service: Service| format!("{role} - {service:?}");
        let (fault, victim) = match self {
            Fault::Nothing => ("nothing", "-".to_owned()),
            Fault::Kill(role) => ("kill -9", role.to_string()),
            Fault::Terminate(role) => ("SIGTERM", role.to_string()),
            Fault::Freeze(role) => ("SIGSTOP", role.to_string()),
            Fault::RedisRestart => ("restart, empty", "Redis".to_owned()),
            Fault::RedisFreeze => ("SIGSTOP", "Redis".to_owned()),
            Fault::RedisPause => ("CLIENT PAUSE", "Redis".to_owned()),
            Fault::RedisFlush => ("FLUSHALL", "Redis".to_owned()),
            Fault::FlushAndKill => ("FLUSHALL, kill -9", "Redis, worker".to_owned()),
            Fault::PostgresRestart => ("restart", "Postgres".to_owned()),
            Fault::PostgresCrash => ("crash", "Postgres".to_owned()),
            Fault::PostgresFreeze => ("SIGSTOP", "Postgres".to_owned()),
            Fault::Cut(role, service) => ("cut once", between(role, service)),
            Fault::Refuse(role, service) => ("refused 5 s", between(role, service)),
            Fault::Hold(role, service) => ("silent 5 s", between(role, service)),
            Fault::Duplicate => ("messages doubled", "Redis".to_owned()),
            Fault::ObjectsRefuse => ("refused 5 s", "S3".to_owned()),
            Fault::Clock(seconds) if seconds > 0 => ("clock 30 s ahead", "worker".to_owned()),
            Fault::Clock(_) => ("clock 30 s behind", "worker".to_owned()),
        };
        (fault.to_owned(), victim)
    }

    /// All of them, each with how often it is drawn.
    pub(crate) fn all() -> Vec<(Fault, u64)> {
        let mut all = vec![
            (Fault::Nothing, 2),
            (Fault::Kill(Role::Worker), 10),
            (Fault::Kill(Role::Web), 4),
            (Fault::Kill(Role::Dispatcher), 4),
            (Fault::Terminate(Role::Worker), 4),
            (Fault::Terminate(Role::Web), 2),
            (Fault::Terminate(Role::Dispatcher), 2),
            // Takes as long as three other cases: a lease has no setting.
            (Fault::Freeze(Role::Worker), 1),
            (Fault::Freeze(Role::Web), 2),
            (Fault::Freeze(Role::Dispatcher), 2),
            (Fault::RedisRestart, 5),
            (Fault::RedisFreeze, 4),
            (Fault::RedisPause, 3),
            (Fault::RedisFlush, 5),
            (Fault::FlushAndKill, 4),
            (Fault::PostgresRestart, 4),
            (Fault::PostgresCrash, 4),
            (Fault::PostgresFreeze, 3),
            (Fault::Duplicate, 4),
            (Fault::ObjectsRefuse, 1),
            (Fault::Clock(30), 2),
            (Fault::Clock(-30), 2),
        ];
        for role in Role::ALL {
            for service in [Service::Postgres, Service::Redis] {
                let weight = if role == Role::Worker { 2 } else { 1 };
                all.push((Fault::Cut(role, service), weight));
                all.push((Fault::Refuse(role, service), weight));
                all.push((Fault::Hold(role, service), weight));
            }
        }
        all
    }
}

/// When it goes wrong. Each is a condition that is waited for; see `moments.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Messages lie on the lane, and no worker can take them.
    BeforeClaim,
    /// The claim is recorded, and the lane has not heard of it.
    ClaimedNotAcknowledged,
    /// A job's progress was heard.
    MidRun,
    /// A job has done all of its work, and nothing of its end is recorded. The statement that would record it is cut off, or left to go through.
    DoneNotRecorded { cut_off: bool },
    /// A job's end is recorded, and nobody was told.
    RecordedNotTold,
    /// After so many events were heard: this one hits what it hits.
    Heard(u64),
}

/// One case.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) number: u64,
    pub(crate) fault: Fault,
    pub(crate) moment: Moment,
    pub(crate) workers: usize,
    pub(crate) dispatchers: usize,
    /// For everything else that is random.
    pub(crate) dice: Dice,
}

impl Case {
    /// The case of this number.
    pub(crate) fn draw(seed: u64, number: u64) -> Self {
        let mut dice = Dice::new(seed, number);
        let faults = Fault::all();
        let mut left = dice.below(faults.iter().map(|(_, weight)| weight).sum());
        let mut fault = Fault::Nothing;
        for (candidate, weight) in faults {
            fault = candidate;
            if left < weight {
                break;
            }
            left -= weight;
        }
        let moment = match dice.below(8) {
            0 => Moment::BeforeClaim,
            1 => Moment::ClaimedNotAcknowledged,
            2 => Moment::MidRun,
            3 => Moment::DoneNotRecorded { cut_off: true },
            4 => Moment::DoneNotRecorded { cut_off: false },
            5 => Moment::RecordedNotTold,
            _ => Moment::Heard(dice.below(150)),
        };
        Self {
            seed,
            number,
            fault,
            moment,
            workers: usize::try_from(dice.between(1, 2)).unwrap(),
            dispatchers: usize::try_from(dice.between(1, 2)).unwrap(),
            dice,
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (fault, victim) = self.fault.names();
        write!(
            f,
            "case {} of seed {}: {fault} ({victim}) at {:?}, {} worker(s), {} dispatcher(s)",
            self.number, self.seed, self.moment, self.workers, self.dispatchers
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_and_a_number_draw_the_same_case_again() {
        for number in 0..200 {
            let told = |case: Case| format!("{case} {:?}", case.dice);
            assert_eq!(told(Case::draw(7, number)), told(Case::draw(7, number)));
        }
        assert_ne!(
            Case::draw(7, 1).to_string().replace("seed 7", ""),
            Case::draw(8, 1).to_string().replace("seed 8", "")
        );
    }

    #[test]
    fn every_fault_is_drawn_sooner_or_later() {
        let drawn: Vec<Fault> = (0..2_000)
            .map(|number| Case::draw(1, number).fault)
            .collect();
        for (fault, _) in Fault::all() {
            assert!(drawn.contains(&fault), "{fault:?}");
        }
    }
}
