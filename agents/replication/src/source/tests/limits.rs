//! Fewer watches than there are directories: what is not watched is polled, and that is said.

use super::{
    lab::{Lab, barrier, differences, eventually, real},
    skip::skip,
};
use model::agent_status::Capture;
use std::{fs, process::Command};

const DIRECTORIES: usize = 40;

#[test]
fn with_too_few_watches_the_rest_is_polled_and_the_number_is_said() {
    let script =
        "echo 10 > /proc/sys/user/max_inotify_watches && echo 10 > /proc/sys/user/max_fanotify_marks || exit 77
        exec \"$0\" --exact source::tests::limits::in_a_namespace_with_few_watches --ignored --nocapture";
    let mut namespace = Command::new("unshare");
    namespace.args(["--user", "--map-root-user", "sh", "-c", script]).arg(std::env::current_exe().unwrap());
    let output = match namespace.output() {
        Ok(output) => output,
        Err(_) => return skip("needs unshare"),
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(77) || said.contains("Operation not permitted") {
        return skip("user namespaces are not allowed");
    }
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "runs in a namespace of its own, started by the test above"]
fn in_a_namespace_with_few_watches() {
    for (best, setting) in
        [(Capture::FanotifyDirs, "user.max_fanotify_marks"), (Capture::Inotify, "user.max_inotify_watches")]
    {
        let lab = Lab::new(best);
        for at in 0..DIRECTORIES {
            let dir = lab.root().join(format!("d{at}"));
            fs::create_dir(&dir).unwrap();
            fs::write(dir.join("f"), "x").unwrap();
        }
        let source = lab.open();
        barrier(&source);
        let root = source.report().roots[0].clone();
        assert_eq!(root.capture, Some(Capture::Poll), "{:?}", root.capture_reason);
        let reason = format!("{setting} allows 10 watched directories, and {} directories are", DIRECTORIES + 1);
        eventually("the number", || {
            source.report().roots[0].capture_reason.as_ref().is_some_and(|r| r.contains(&reason))
        });
        (0..DIRECTORIES).for_each(|at| fs::write(lab.root().join(format!("d{at}/f")), format!("new {at}")).unwrap());
        let same = || differences(&lab.indexed(), &real(&lab.root()), false).is_empty();
        eventually("found without being told", same);
    }
}
