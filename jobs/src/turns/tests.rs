use super::*;
use proptest::prelude::*;
use uuid::Uuid;

fn tenant(number: u8) -> TenantId {
    TenantId(Uuid::from_u128(u128::from(number) + 1))
}

fn moment() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default()
}

fn key(number: u8) -> Option<String> {
    (number > 0).then(|| format!("key-{number}"))
}

fn any_queue() -> impl Strategy<Value = Queue> {
    proptest::sample::select(vec![Queue::Noop, Queue::Chat])
}

fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0u8..4, 0u8..4, -2i16..3, 0i64..50);
    proptest::collection::vec(one, 0..80).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(place, (whose, named, priority, waited))| Candidate {
                job: JobId(Uuid::from_u128(place as u128 + 1)),
                tenant: tenant(whose),
                key: key(named),
                priority,
                run_at: moment() - chrono::Duration::seconds(waited),
            })
            .collect()
    })
}

fn any_in_flight() -> impl Strategy<Value = Vec<InFlight>> {
    proptest::collection::vec((0u8..4, any_queue(), 0u8..4, 0u32..6), 0..10).prop_map(|all| {
        all.into_iter()
            .map(|(whose, queue, named, jobs)| InFlight {
                tenant: tenant(whose),
                queue,
                key: key(named),
                jobs,
            })
            .collect()
    })
}

fn any_limits() -> impl Strategy<Value = Vec<Limit>> {
    let keys = prop_oneof![
        Just(LimitedKeys::Each),
        Just(LimitedKeys::All),
        (1u8..4).prop_map(|named| LimitedKeys::One(format!("key-{named}"))),
    ];
    let one = (
        proptest::option::of(0u8..4),
        proptest::option::of(any_queue()),
        keys,
        proptest::option::of(0u32..8),
        proptest::option::of((1u32..8, 1u64..100)),
    );
    proptest::collection::vec(one, 0..5).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(place, (whose, queue, keys, max_running, rate))| Limit {
                id: LimitId(Uuid::from_u128(place as u128 + 1)),
                tenant: whose.map(tenant),
                queue,
                keys,
                max_running,
                rate: rate.map(|(starts, seconds)| Rate {
                    starts,
                    per: Duration::from_secs(seconds),
                }),
            })
            .collect()
    })
}

fn any_buckets() -> impl Strategy<Value = Vec<Bucket>> {
    proptest::collection::vec((1u128..6, 0u8..4, 0u8..4, 0.0f64..8.0, 0i64..200), 0..8).prop_map(
        |all| {
            let mut buckets: Vec<Bucket> = all
                .into_iter()
                .map(|(limit, whose, named, tokens, ago)| Bucket {
                    limit: LimitId(Uuid::from_u128(limit)),
                    tenant: tenant(whose),
                    key: key(named),
                    tokens,
                    filled_at: moment() - chrono::Duration::seconds(ago),
                })
                .collect();
            buckets.sort_by_key(|bucket| (bucket.limit, bucket.tenant, bucket.key.clone()));
            buckets.dedup_by_key(|bucket| (bucket.limit, bucket.tenant, bucket.key.clone()));
            buckets
        },
    )
}

/// Whether a limit speaks of a job, said again in the words of its documentation.
fn speaks_of(limit: &Limit, whose: TenantId, queue: Queue, named: Option<&String>) -> bool {
    let tenant_fits = match limit.tenant {
        Some(own) => own == whose,
        None => true,
    };
    let queue_fits = match limit.queue {
        Some(own) => own == queue,
        None => true,
    };
    let key_fits = match &limit.keys {
        LimitedKeys::One(own) => named == Some(own),
        LimitedKeys::Each | LimitedKeys::All => true,
    };
    tenant_fits && queue_fits && key_fits
}

fn counted_with(
    limit: &Limit,
    a: (TenantId, Option<&String>),
    b: (TenantId, Option<&String>),
) -> bool {
    a.0 == b.0 && (limit.keys == LimitedKeys::All || a.1 == b.1)
}

/// How many more starts of such a job a limit has, counted from the beginning each time.
fn left(
    limit: &Limit,
    job: &Candidate,
    in_flight: &[InFlight],
    buckets: &[Bucket],
    started: &[&Candidate],
) -> f64 {
    let me = (job.tenant, job.key.as_ref());
    let since = started
        .iter()
        .filter(|other| counted_with(limit, me, (other.tenant, other.key.as_ref())))
        .filter(|other| speaks_of(limit, other.tenant, Queue::Noop, other.key.as_ref()))
        .count() as f64;
    let before: u32 = in_flight
        .iter()
        .filter(|jobs| speaks_of(limit, jobs.tenant, jobs.queue, jobs.key.as_ref()))
        .filter(|jobs| counted_with(limit, me, (jobs.tenant, jobs.key.as_ref())))
        .map(|jobs| jobs.jobs)
        .sum();
    let slots = limit.max_running.map_or(f64::INFINITY, |most| {
        f64::from(most) - f64::from(before) - since
    });
    let tokens = limit.rate.map_or(f64::INFINITY, |rate| {
        let group = if limit.keys == LimitedKeys::All {
            None
        } else {
            job.key.clone()
        };
        let full = f64::from(rate.starts);
        let known = buckets
            .iter()
            .find(|b| b.limit == limit.id && b.tenant == job.tenant && b.key == group);
        let before = known.map_or(full, |bucket| {
            let passed = (moment() - bucket.filled_at).num_seconds() as f64;
            (bucket.tokens + passed * full / rate.per.as_secs_f64()).min(full)
        });
        before - since
    });
    slots.min(tokens)
}

fn may_start(
    job: &Candidate,
    limits: &[Limit],
    in_flight: &[InFlight],
    buckets: &[Bucket],
    started: &[&Candidate],
) -> bool {
    limits
        .iter()
        .filter(|limit| speaks_of(limit, job.tenant, Queue::Noop, job.key.as_ref()))
        .all(|limit| left(limit, job, in_flight, buckets, started) >= 1.0)
}

fn before(a: &Candidate, b: &Candidate) -> bool {
    (Reverse(a.priority), a.run_at, a.job) < (Reverse(b.priority), b.run_at, b.job)
}

proptest! {
    #[test]
    fn no_limit_is_exceeded_no_slot_is_wasted_and_priorities_hold(
        candidates in any_candidates(), in_flight in any_in_flight(), limits in any_limits(), buckets in any_buckets(), free in 0usize..60
    ) {
        let room = Room::new(Queue::Noop, &limits, &in_flight, &buckets, moment());
        let closed = room.closed();
        let picked = Turns::default().pick(&candidates, &HashMap::new(), room, free);
        prop_assert!(picked.jobs.len() <= free);
        let by_id: HashMap<JobId, &Candidate> = candidates.iter().map(|c| (c.job, c)).collect();
        let mut started: Vec<&Candidate> = Vec::new();
        for job in &picked.jobs {
            let job = by_id[job];
            prop_assert!(!started.contains(&job), "picked twice");
            prop_assert!(may_start(job, &limits, &in_flight, &buckets, &started), "{job:?} was not allowed");
            // Within the tenant nobody who was allowed was passed over.
            let passed_over = candidates.iter().find(|other| other.tenant == job.tenant && before(other, job)
                && !started.contains(other) && may_start(other, &limits, &in_flight, &buckets, &started));
            prop_assert!(passed_over.is_none(), "{job:?} went before {passed_over:?}");
            started.push(job);
        }
        let left_over = candidates.iter()
            .any(|c| !started.contains(&c) && may_start(c, &limits, &in_flight, &buckets, &started));
        prop_assert_eq!(picked.more, left_over);
        prop_assert!(!left_over || picked.jobs.len() == free, "a slot stayed empty");
        // What is said to be closed is: nobody need look there.
        for candidate in &candidates {
            let shut = closed.iter().any(|c| c.tenant.is_none_or(|t| t == candidate.tenant) && (c.any_key || c.key == candidate.key));
            prop_assert_eq!(shut, !may_start(candidate, &limits, &in_flight, &buckets, &[]), "{:?}", candidate);
        }
    }

    #[test]
    fn what_is_spent_is_what_was_started(candidates in any_candidates(), starts in 1u32..20, free in 0usize..60) {
        let limits = [Limit { id: LimitId(Uuid::from_u128(1)), tenant: None, queue: None, keys: LimitedKeys::All, max_running: None,
                              rate: Some(Rate { starts, per: Duration::from_secs(60) }) }];
        let room = Room::new(Queue::Noop, &limits, &[], &[], moment());
        let picked = Turns::default().pick(&candidates, &HashMap::new(), room, free);
        let spent: f64 = picked.spent.iter().map(|bucket| f64::from(starts) - bucket.tokens).sum();
        prop_assert_eq!(spent, picked.jobs.len() as f64);
        prop_assert!(picked.spent.iter().all(|bucket| bucket.tokens >= 0.0));
    }

    #[test]
    fn everybody_gets_turns_by_weight(weights in proptest::collection::vec(1u32..10, 1..12), free in 1usize..7) {
        // Everybody always has work; slots come free a few at a time.
        let line = |whose: u8| -> Vec<Candidate> {
            (0..60u128).map(|n| Candidate {
                job: JobId(Uuid::from_u128(u128::from(whose) * 1_000 + n + 1)), tenant: tenant(whose), key: None,
                // Whoever came first has waited longest, and asks loudest: neither gives more turns.
                priority: i16::from(whose), run_at: moment() - chrono::Duration::hours(i64::from(whose)),
            }).collect()
        };
        let candidates: Vec<Candidate> = (0..weights.len() as u8).flat_map(line).collect();
        let by_tenant: HashMap<TenantId, u32> = weights.iter().enumerate().map(|(n, w)| (tenant(n as u8), *w)).collect();
        let by_id: HashMap<JobId, TenantId> = candidates.iter().map(|c| (c.job, c.tenant)).collect();
        let mut turns = Turns::default();
        let total: u32 = weights.iter().sum();
        let mut had: HashMap<TenantId, u32> = HashMap::new();
        let mut given = 0;
        while given < total * 6 {
            let room = Room::new(Queue::Noop, &[], &[], &[], moment());
            let picked = turns.pick(&candidates, &by_tenant, room, free);
            prop_assert_eq!(picked.jobs.len(), free);
            for job in picked.jobs {
                *had.entry(by_id[&job]).or_default() += 1;
                given += 1;
            }
        }
        for (whose, weight) in &by_tenant {
            let fair = f64::from(given) * f64::from(*weight) / f64::from(total);
            let got = f64::from(had.get(whose).copied().unwrap_or_default());
            prop_assert!((got - fair).abs() <= f64::from(*weight) + 2.0, "{got} turns instead of {fair}");
        }
    }
}

#[test]
fn whoever_comes_late_goes_next_and_has_saved_nothing_up() {
    let flood = |whose: u8, from: u128, many: u128| -> Vec<Candidate> {
        (from..from + many)
            .map(|n| Candidate {
                job: JobId(Uuid::from_u128(n)),
                tenant: tenant(whose),
                key: None,
                priority: 100,
                run_at: moment(),
            })
            .collect()
    };
    let mut turns = Turns::default();
    let mut pick = |candidates: &[Candidate], free| {
        let room = Room::new(Queue::Noop, &[], &[], &[], moment());
        turns.pick(candidates, &HashMap::new(), room, free).jobs
    };
    assert_eq!(pick(&flood(1, 1, 500), 400).len(), 400);
    let mut both = flood(1, 401, 100);
    let late = Candidate {
        job: JobId(Uuid::from_u128(9_999)),
        tenant: tenant(2),
        key: None,
        priority: -100,
        run_at: moment() + chrono::Duration::hours(1),
    };
    both.push(late.clone());
    assert!(pick(&both, 2).contains(&late.job));
    // A second tenant that floods late does not get all the turns that it did not use before.
    let mut both = flood(1, 401, 100);
    both.extend(flood(2, 5_000, 100));
    let picked = pick(&both, 40);
    let of_first = picked.iter().filter(|job| job.0.as_u128() < 5_000).count();
    assert!((19..=21).contains(&of_first), "{of_first}");
}
