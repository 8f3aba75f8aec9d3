//! `computetower schedules`: jobs that are made again and again.

use computetower_jobs::ScheduleId;
use serde_json::json;

use crate::support::{CliRun, TestApp};

/// Every New Year, so that no tick comes by itself while the test runs.
const YEARLY: [&str; 6] = [
    "schedules",
    "create",
    "--cron",
    "0 0 1 1 *",
    "--name",
    "new year",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_made_changed_switched_run_and_deleted() {
    let app = TestApp::without_workers().await;
    let create = [
        &YEARLY[..],
        &[
            "--time-zone",
            "Europe/Berlin",
            "--kind",
            "noop",
            "--payload",
            r#"{"progress": 2}"#,
        ],
        &[
            "--priority",
            "5",
            "--timeout-ms",
            "2000",
            "--limit-key",
            "k",
        ],
        &[
            "--retry-attempts",
            "2",
            "--retry-base-ms",
            "5",
            "--retry-cap-ms",
            "6",
        ],
    ]
    .concat();
    let id = CliRun::of(&app, &create).await.said().to_owned();
    let schedule = CliRun::of(&app, &["schedules", "show", &id, "--json"]).await;
    let schedule = schedule.json();
    assert_eq!(
        (
            &schedule["name"],
            &schedule["cron"],
            &schedule["time_zone"],
            &schedule["enabled"]
        ),
        (
            &json!("new year"),
            &json!("0 0 1 1 *"),
            &json!("Europe/Berlin"),
            &json!(true)
        )
    );
    let job = json!({
        "kind": "noop", "payload": {"progress": 2}, "priority": 5, "timeout_ms": 2000, "limit_key": "k",
        "retry": {"attempts": 2, "base_ms": 5, "cap_ms": 6},
    });
    assert_eq!(schedule["job"], job);
    let shown = CliRun::of(&app, &["schedules", "show", &id]).await;
    assert!(
        shown.said().contains("cron             0 0 1 1 *"),
        "{shown:?}"
    );

    let off = CliRun::of(&app, &["schedules", "disable", &id]).await;
    assert_eq!(off.said(), "disabled");
    let made = CliRun::of(&app, &["schedules", "run", &id]).await;
    assert_eq!(
        app.client().job(made.said()).await["schedule_id"],
        json!(id)
    );
    let jobs = CliRun::of(&app, &["jobs", "list", "--schedule", &id, "--json"]).await;
    assert_eq!(jobs.json()["jobs"].as_array().unwrap().len(), 1);
    let on = CliRun::of(&app, &["schedules", "enable", &id]).await;
    assert!(on.said().starts_with("enabled, next 2"), "{on:?}");
    let off = CliRun::of(&app, &["schedules", "disable", &id, "--json"]).await;
    assert_eq!(
        (&off.json()["enabled"], off.json().get("next_at")),
        (&json!(false), None)
    );

    let update = [
        "schedules",
        "update",
        &id,
        "--name",
        "noon",
        "--cron",
        "0 12 * * *",
    ];
    assert_eq!(CliRun::of(&app, &update).await.said(), "disabled");
    let update = [
        "schedules",
        "update",
        &id,
        "--time-zone",
        "UTC",
        "--kind",
        "noop",
        "--json",
    ];
    let changed = CliRun::of(&app, &update).await.json();
    assert_eq!(
        (
            &changed["name"],
            &changed["cron"],
            &changed["time_zone"],
            &changed["job"]["priority"]
        ),
        (
            &json!("noon"),
            &json!("0 12 * * *"),
            &json!("UTC"),
            &json!(0)
        ),
        "the job is changed whole, the rest stays"
    );

    let deleted = CliRun::of(&app, &["schedules", "delete", &id]).await;
    assert_eq!(deleted.said(), "deleted");
    CliRun::of(&app, &["schedules", "show", &id])
        .await
        .refused("There is no such schedule. (404 not_found)");
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_are_listed_and_a_job_is_given_whole() {
    let app = TestApp::without_workers().await;
    let none = CliRun::of(&app, &["schedules", "list"]).await;
    assert_eq!(none.said().lines().count(), 1, "{none:?}");
    let whole = [&YEARLY[..], &["--job", "-", "--disabled", "--json"]].concat();
    let made = CliRun::fed(&app, &whole, r#"{"kind": "noop", "priority": 4}"#).await;
    let made = made.json();
    assert_eq!(
        (&made["job"]["priority"], &made["enabled"]),
        (&json!(4), &json!(false))
    );
    let listed = CliRun::of(&app, &["schedules", "list"]).await;
    let lines: Vec<&str> = listed.said().lines().collect();
    assert!(
        lines[0].starts_with("ID") && lines[1].contains("new year  0 0 1 1 *  UTC"),
        "{listed:?}"
    );
    let listed = CliRun::of(&app, &["schedules", "list", "--json"]).await;
    assert_eq!(listed.json()["schedules"], json!([made]));
    let id = made["id"].as_str().unwrap();
    let deleted = CliRun::of(&app, &["schedules", "delete", id, "--json"]).await;
    assert_eq!(deleted.json(), json!({"deleted": true}));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_pages_of_schedules_are_listed() {
    let app = TestApp::without_workers().await;
    let client = app.client();
    for number in 0..201 {
        let body =
            json!({"name": number.to_string(), "cron": "0 0 1 1 *", "job": {"kind": "noop"}});
        assert_eq!(client.post("/api/v1/schedules", body).await.status, 201);
    }
    let listed = CliRun::of(&app, &["schedules", "list"]).await;
    assert_eq!(listed.said().lines().count(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_cannot_be_is_refused_in_plain_words() {
    let app = TestApp::without_workers().await;
    let with = |rest: &[&'static str]| [&YEARLY[..], rest].concat();
    for (args, words) in [
        (with(&[]), "which job is to be made? Give --kind KIND"),
        (with(&["--priority", "3"]), "--kind <KIND>"),
        (
            with(&["--kind", "noop", "--job", "{}"]),
            "cannot be used with",
        ),
        (with(&["--job", "{"]), "--job: it is not JSON"),
        (with(&["--kind", "sing"]), "field \"job.kind\""),
        (
            with(&[
                "--job",
                r#"{"kind": "noop", "run_at": "2031-01-01T00:00:00Z"}"#,
            ]),
            "field \"job.run_at\"",
        ),
        (
            with(&["--kind", "noop", "--time-zone", "Mars"]),
            "field \"time_zone\"",
        ),
        (
            vec![
                "schedules",
                "create",
                "--name",
                "x",
                "--cron",
                "often",
                "--kind",
                "noop",
            ],
            "field \"cron\"",
        ),
        (
            vec![
                "schedules",
                "create",
                "--cron",
                "0 0 1 1 *",
                "--kind",
                "noop",
            ],
            "--name <NAME>",
        ),
    ] {
        CliRun::of(&app, &args).await.refused(words);
    }
    let made = CliRun::of(&app, &with(&["--kind", "noop"])).await;
    CliRun::of(&app, &with(&["--kind", "noop"]))
        .await
        .refused("(409 conflict)");
    CliRun::of(&app, &["schedules", "update", made.said()])
        .await
        .refused("nothing to change: give --name");
    let unknown = ScheduleId::generate().to_string();
    for verb in ["show", "enable", "disable", "run", "delete"] {
        for format in [&[][..], &["--json"]] {
            CliRun::of(&app, &[&["schedules", verb, &unknown], format].concat())
                .await
                .refused("There is no such schedule. (404 not_found)");
        }
    }
}
