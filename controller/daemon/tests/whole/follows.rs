//! A controller that takes its manifests from a directory or a git repository.

use crate::fixture::{Fixture, SHOP, set};
use controller::{Follow, FollowFrom, Git};
use model::view::EventView;
use std::{fs, path::Path, process::Command, time::Duration};
use tokio::time::{Instant, sleep};
use wire::api::{FollowState, FollowView, List, StoredHost};

const WAIT: Duration = Duration::from_secs(30);
/// An interval that no test waits for.
const NEVER: Duration = Duration::from_secs(3600);

fn following(from: FollowFrom, interval: Duration) -> Follow {
    Follow { from, overlay: None, prune: false, interval }
}

async fn in_directory() -> Fixture {
    Fixture::following(|temp| {
        let path = temp.join("dr");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("shop.yaml"), SHOP).unwrap();
        Some(following(FollowFrom::Directory(path), NEVER))
    })
    .await
}

/// As an editor does it.
fn write(fixture: &Fixture, text: &str) {
    let path = fixture.temp.path().join("dr/shop.yaml");
    fs::write(path.with_extension("new"), text).unwrap();
    fs::rename(path.with_extension("new"), path).unwrap();
}

async fn until(fixture: &Fixture, what: &str, wanted: impl Fn(&FollowView) -> bool) -> FollowView {
    let deadline = Instant::now() + WAIT;
    loop {
        let answer = fixture.get("/v1/follow").await;
        if answer.status == 200 {
            let view: FollowView = answer.ok();
            if wanted(&view) {
                return view;
            }
            assert!(Instant::now() < deadline, "never {what}: {view:#?}");
        }
        sleep(Duration::from_millis(20)).await;
    }
}

async fn events(fixture: &Fixture, kind: &str) -> Vec<EventView> {
    let events: List<EventView> = fixture.get("/v1/events").await.ok();
    events.items.into_iter().filter(|event| event.kind == kind).collect()
}

fn raised(text: &str, interval: &str) -> String {
    text.replace("interval: 40s", &format!("interval: {interval}"))
}

fn watched() -> String {
    format!("{SHOP}\n  monitoring: {{interval: 40s}}\n")
}

#[tokio::test]
async fn a_changed_file_is_applied_and_a_bad_one_is_refused() {
    let fixture = in_directory().await;
    until(&fixture, "applied at the start", |view| !view.changed.is_empty()).await;
    assert_eq!(fixture.scenario().await.metadata.generation, Some(1));

    write(&fixture, &watched());
    fixture.until("applied", |shop| shop.metadata.generation == Some(2)).await;

    write(&fixture, &watched().replace("interval: 40s", "interval: 30"));
    let view = until(&fixture, "refused", |view| view.state == FollowState::Refused).await;
    let fact = view.facts.iter().find(|fact| fact.contains("DR01")).unwrap_or_else(|| panic!("{view:#?}"));
    assert!(fact.starts_with("shop.yaml:"), "{fact}");
    assert_eq!(fixture.scenario().await.metadata.generation, Some(2), "what is stored stays");
    let told = events(&fixture, "FollowRefused").await;
    assert!(told.len() == 1 && told[0].message.contains("shop.yaml:"), "{told:?}");

    write(&fixture, &raised(&watched(), "45s"));
    fixture.until("applied again", |shop| shop.metadata.generation == Some(3)).await;
    until(&fixture, "current", |view| view.state == FollowState::Current).await;
}

#[tokio::test]
async fn an_emptied_directory_and_a_missing_one_take_nothing_away() {
    let fixture = in_directory().await;
    until(&fixture, "applied", |view| !view.changed.is_empty()).await;
    fs::remove_file(fixture.temp.path().join("dr/shop.yaml")).unwrap();
    let view = until(&fixture, "refused", |view| view.state == FollowState::Refused).await;
    assert!(view.why.contains("not one manifest"), "{view:?}");
    fs::remove_dir(fixture.temp.path().join("dr")).unwrap();
    let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!(view.state, FollowState::Unreadable, "{view:?}");
    assert_eq!(fixture.scenario().await.metadata.generation, Some(1));
    fs::create_dir(fixture.temp.path().join("dr")).unwrap();
    write(&fixture, &watched());
    let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!(view.state, FollowState::Current, "{view:?}");
}

#[tokio::test]
async fn what_a_person_applied_is_reported_and_not_undone() {
    let mut fixture = in_directory().await;
    until(&fixture, "applied", |view| !view.changed.is_empty()).await;
    fixture.apply(&watched()).await;
    let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!(view.state, FollowState::Drifted, "{view:?}");
    assert!(view.facts.iter().any(|fact| fact.contains("scenario/shop")), "{view:?}");
    assert_eq!(events(&fixture, "FollowDrifted").await.len(), 1);
    fixture.kill();
    fixture.open().await;
    until(&fixture, "drifted after a restart", |view| view.state == FollowState::Drifted).await;
    assert_eq!(fixture.scenario().await.metadata.generation, Some(2), "the person's stays");
    write(&fixture, &raised(&watched(), "1m"));
    fixture.until("the next change goes over it", |shop| shop.metadata.generation == Some(3)).await;
}

fn git(at: &Path, args: &[&str]) {
    let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];
    let done = Command::new("git").current_dir(at).args(identity).args(args).output().unwrap();
    assert!(done.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn commit(at: &Path, text: &str) {
    fs::create_dir_all(at.join("dr")).unwrap();
    fs::write(at.join("dr/shop.yaml"), text).unwrap();
    git(at, &["add", "--all"]);
    git(at, &["commit", "--quiet", "--message", "change"]);
}

async fn in_git(path: &str) -> Fixture {
    Fixture::following(|temp| {
        let work = temp.join("work");
        fs::create_dir(&work).unwrap();
        git(&work, &["init", "--quiet"]);
        commit(&work, SHOP);
        let repository = work.to_str().unwrap().to_owned();
        let git = Git { repository, branch: "main".into(), path: path.into(), ..Git::default() };
        Some(following(FollowFrom::Git(git), NEVER))
    })
    .await
}

#[tokio::test]
async fn a_commit_is_applied_and_a_bad_one_leaves_the_last_good_one() {
    let fixture = in_git("dr").await;
    let work = fixture.temp.path().join("work");
    let first = until(&fixture, "applied", |view| !view.changed.is_empty()).await;
    assert!(first.commit.is_some() && first.commit == first.applied_commit);

    commit(&work, &watched());
    let second: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!((second.state, fixture.scenario().await.metadata.generation), (FollowState::Current, Some(2)));
    assert_ne!(second.commit, first.commit);

    commit(&work, &watched().replace("host: mx2", "host: mx9"));
    let bad: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!((bad.state, &bad.applied_commit), (FollowState::Refused, &second.commit), "{bad:?}");
    assert!(bad.facts.iter().any(|fact| fact.contains("mx9")), "{bad:?}");
    assert_eq!(fixture.scenario().await.metadata.generation, Some(2));

    git(&work, &["reset", "--quiet", "--hard", "HEAD~2"]);
    commit(&work, &raised(&watched(), "2m"));
    let forced: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!(forced.state, FollowState::Current, "history that was rewritten is followed: {forced:?}");
    assert_eq!(fixture.scenario().await.metadata.generation, Some(3));

    git(&work, &["rm", "--quiet", "-r", "dr"]);
    git(&work, &["commit", "--quiet", "--message", "nothing left"]);
    let empty: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_ne!(empty.state, FollowState::Current, "{empty:?}");
    assert_eq!(fixture.scenario().await.metadata.generation, Some(3), "nothing is taken away");
    fs::remove_dir_all(&work).unwrap();
    let gone: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!((gone.state, gone.why.as_str()), (FollowState::Unreadable, "git fetch failed"), "{gone:?}");
    assert!(!fixture.temp.path().join("state/follow/checkout").exists(), "no checkout is left behind");
}

#[tokio::test]
async fn a_change_that_gives_up_a_copy_waits_for_a_person() {
    let fixture = in_git("dr").await;
    until(&fixture, "applied", |view| !view.changed.is_empty()).await;
    let work = fixture.temp.path().join("work");
    let without: String =
        SHOP.lines().filter(|line| !line.contains("name: archive")).map(|l| format!("{l}\n")).collect();
    commit(&work, &without);
    let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!(view.state, FollowState::Refused, "{view:?}");
    assert!(view.facts.iter().any(|fact| fact.contains("--allow-destroy scenario/shop/root/archive")), "{view:?}");
    let mut request = set(&without);
    request.allow_destroy = vec!["scenario/shop/root/archive".into()];
    fixture.post("/v1/apply", &request).await.ok::<wire::api::ApplyResult>();
    let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!(view.state, FollowState::Current, "the person has applied it: {view:?}");
}

#[tokio::test]
async fn a_controller_that_follows_nothing_says_so() {
    let fixture = Fixture::start().await;
    let problem = fixture.get("/v1/follow").await.problem(404, 1);
    assert!(problem.message.contains("follows no directory"), "{problem:?}");
    fixture.post("/v1/follow", &()).await.problem(404, 1);
}

#[tokio::test]
async fn a_controller_that_has_not_looked_yet_says_that_and_not_that_it_follows_nothing() {
    // One that accepts and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let fixture = Fixture::following(|_| {
        let repository = format!("http://{}/dr.git", silent.local_addr().unwrap());
        let git = Git { repository, branch: "main".into(), ..Git::default() };
        Some(following(FollowFrom::Git(git), NEVER))
    })
    .await;
    let problem = fixture.get("/v1/follow").await.problem(503, 1);
    assert!(problem.message.contains("about to look"), "{problem:?}");
}

#[tokio::test]
async fn a_hook_that_calls_at_the_start_is_answered_with_the_first_look() {
    let fixture = in_git("dr").await;
    let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!(view.state, FollowState::Current, "{view:?}");
}

#[tokio::test]
async fn an_overlay_is_followed_and_what_the_project_accepts_is_left_out() {
    let fixture = Fixture::following(|temp| {
        let path = temp.join("dr");
        fs::create_dir_all(path.join("production")).unwrap();
        fs::create_dir_all(path.join("base")).unwrap();
        fs::write(path.join("base/shop.yaml"), SHOP).unwrap();
        let project = "apiVersion: standin/v1alpha1\nkind: Project\nspec:\n  include: [base/*.yaml]\n";
        fs::write(path.join("standin.yaml"), format!("{project}  overlays: {{production: production}}\n")).unwrap();
        let overlay = "apiVersion: standin/v1alpha1\nkind: Scenario\nmetadata: {name: shop}\n";
        fs::write(path.join("production/shop.yaml"), format!("{overlay}spec: {{monitoring: {{interval: 45s}}}}\n"))
            .unwrap();
        let overlay = Some("production".to_owned());
        Some(Follow { overlay, ..following(FollowFrom::Directory(path), NEVER) })
    })
    .await;
    until(&fixture, "applied", |view| !view.changed.is_empty()).await;
    assert_eq!(fixture.scenario().await.spec.monitoring.interval.0, Duration::from_secs(45));
    let overlay = fixture.temp.path().join("dr/production/shop.yaml");
    fs::write(&overlay, fs::read_to_string(&overlay).unwrap().replace("45s", "45")).unwrap();
    let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert!(view.facts.iter().any(|fact| fact.starts_with("production/shop.yaml:4:")), "{view:?}");
}

#[tokio::test]
async fn what_is_not_there_any_more_goes_only_when_that_was_asked_for() {
    for prune in [false, true] {
        let fixture = with_third_host(prune).await;
        assert_eq!(fixture.get("/v1/hosts/mx3").await.status, 200);
        fs::remove_file(fixture.temp.path().join("dr/mx3.yaml")).unwrap();
        let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
        assert_eq!(view.state, FollowState::Current, "{view:?}");
        assert_eq!(fixture.get("/v1/hosts/mx3").await.status, if prune { 404 } else { 200 });
        fs::remove_file(fixture.temp.path().join("dr/shop.yaml")).unwrap();
        let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
        assert_eq!(view.state, FollowState::Refused, "an emptied directory takes nothing away: {view:?}");
        assert_eq!(fixture.get("/v1/scenarios/shop").await.status, 200);
    }
}

/// A directory with a third host in a file of its own, and what goes there goes here.
async fn with_third_host(prune: bool) -> Fixture {
    let fixture = Fixture::following(|temp| {
        let path = temp.join("dr");
        fs::create_dir(&path).unwrap();
        fs::write(path.join("shop.yaml"), SHOP).unwrap();
        let third = "apiVersion: standin/v1alpha1\nkind: Host\nmetadata: {name: mx3}\n";
        fs::write(path.join("mx3.yaml"), format!("{third}spec: {{replicationAddress: 127.0.0.1:7003}}\n")).unwrap();
        Some(Follow { prune, ..following(FollowFrom::Directory(path), NEVER) })
    })
    .await;
    until(&fixture, "applied", |view| !view.changed.is_empty()).await;
    fixture
}

async fn until_here(fixture: &Fixture, host: &str) {
    let deadline = Instant::now() + WAIT;
    while !fixture.get(&format!("/v1/hosts/{host}")).await.ok::<StoredHost>().status.connected {
        assert!(Instant::now() < deadline, "{host} never came");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Looks until it is not refused any more.
async fn accepted(fixture: &Fixture) -> FollowView {
    let deadline = Instant::now() + WAIT;
    loop {
        let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
        if view.state != FollowState::Refused {
            return view;
        }
        assert!(Instant::now() < deadline, "refused for ever: {view:#?}");
    }
}

#[tokio::test]
async fn what_is_refused_for_a_while_goes_over_nothing_that_a_person_applies_meanwhile() {
    for by_hand in [false, true] {
        let mut fixture = with_third_host(true).await;
        let agent = fixture.agent("mx3", crate::agent::idle).await;
        until_here(&fixture, "mx3").await;
        fs::remove_file(fixture.temp.path().join("dr/mx3.yaml")).unwrap();
        let refused: FollowView = fixture.post("/v1/follow", &()).await.ok();
        assert_eq!(refused.state, FollowState::Refused, "its agent is here: {refused:?}");
        if by_hand {
            fixture.apply(&watched()).await;
            fixture.kill();
            fixture.open().await;
            until(&fixture, "looked at again", |_| true).await;
        }
        drop(agent);
        let view = accepted(&fixture).await;
        let (state, generation) = if by_hand { (FollowState::Drifted, 2) } else { (FollowState::Current, 1) };
        assert_eq!(view.state, state, "{view:?}");
        assert_eq!(fixture.scenario().await.metadata.generation, Some(generation));
        assert_eq!(fixture.get("/v1/hosts/mx3").await.status, if by_hand { 200 } else { 404 });
        if by_hand {
            write(&fixture, &raised(&watched(), "1m"));
            fixture.until("the next change goes over it", |shop| shop.metadata.generation == Some(3)).await;
        }
    }
}

#[tokio::test]
async fn what_waits_for_another_object_goes_over_nothing_that_a_person_applies_meanwhile() {
    let plan = "apiVersion: standin/v1alpha1\nkind: RecoveryPlan\nmetadata: {name: calm}\nspec:\n  scenario: shop\n  \
                purpose: switchover\n  steps:\n    - {name: stop, stopServices: {}}\n    - {name: drain, waitForDrain: \
                {}}\n    - {name: make-active, setActive: {}}\n    - {name: start, startServices: {}}\n    - {name: \
                forwarder, redirect: {apply: [forwarder]}}\n";
    for by_hand in [false, true] {
        let fixture = in_directory().await;
        until(&fixture, "applied", |view| !view.changed.is_empty()).await;
        write(&fixture, &format!("{SHOP}\n  switchover: {{plan: calm}}\n"));
        until(&fixture, "refused", |view| view.state == FollowState::Refused).await;
        if by_hand {
            fixture.apply(&watched()).await;
        }
        fixture.apply(plan).await;
        let view = accepted(&fixture).await;
        let state = if by_hand { FollowState::Drifted } else { FollowState::Current };
        assert_eq!((view.state, fixture.scenario().await.metadata.generation), (state, Some(2)), "{view:?}");
    }
}

#[tokio::test]
async fn pruning_that_is_switched_on_later_prunes_and_undoes_nothing_by_the_way() {
    let mut fixture = with_third_host(false).await;
    fs::remove_file(fixture.temp.path().join("dr/mx3.yaml")).unwrap();
    let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!((view.state, fixture.get("/v1/hosts/mx3").await.status), (FollowState::Current, 200));
    fixture.apply(&watched()).await;
    fixture.kill();
    fixture.follow.as_mut().unwrap().prune = true;
    fixture.open().await;
    let view = until(&fixture, "looked at", |_| true).await;
    assert_eq!(view.state, FollowState::Drifted, "a person's apply stands: {view:?}");
    assert_eq!(fixture.scenario().await.metadata.generation, Some(2));
    fixture.apply(&SHOP.replace("roots:", "roots:  # as it was")).await;
    let view: FollowView = fixture.post("/v1/follow", &()).await.ok();
    assert_eq!(view.state, FollowState::Current, "{view:?}");
    assert_eq!(fixture.get("/v1/hosts/mx3").await.status, 404);
}
