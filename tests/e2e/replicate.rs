//! A tree with everything a file system holds, and the changes that people make to trees.

use crate::story::{self, ROOT, SCENARIO, assert_equal, protected};
use anyhow::{Context, Result, ensure};
use std::{fs, os::unix::fs::symlink, path::Path, process::Command, time::Duration};
use testkit::{Limit, Tree, Writer};

#[test]
fn everything_is_copied_and_followed() -> Result<()> {
    if !testkit::has("rsync") {
        testkit::skip("needs rsync");
        return Ok(());
    }
    // So much goes here that somebody would be asked.
    let fleet = protected(false, "  massChange: {halt: false}\n", |fleet| {
        let root = fleet.root("mx1", ROOT);
        Tree::of_every_kind(&root.join("kinds"))?;
        copy_tree(Path::new("/usr/share/doc"), &root.join("doc"))
    })?;
    assert_equal(&fleet).context("after the first copy")?;
    let root = fleet.root("mx1", ROOT);
    live_changes(&root)?;
    assert_equal(&fleet).context("after live changes")?;
    Tree::of_every_kind(&root.join("later/kinds"))?;
    fs::remove_dir_all(root.join("kinds"))?;
    assert_equal(&fleet).context("after all kinds came live")
}

#[test]
fn a_writer_that_never_rests_is_followed() -> Result<()> {
    if !testkit::has("rsync") {
        testkit::skip("needs rsync");
        return Ok(());
    }
    let fleet = protected(false, "", |_| Ok(()))?;
    let limit = Limit { operations: 20_000, time: Duration::from_secs(10), pause: Duration::ZERO };
    let writers: Vec<Writer> = (0..2).map(|seed| Writer::start(&fleet.root("mx1", ROOT), seed, limit)).collect();
    for writer in writers {
        ensure!(writer.finish()?.operations > 100, "the writer hardly wrote");
    }
    assert_equal(&fleet)
}

#[test]
fn a_comparison_finds_every_kind_of_difference() -> Result<()> {
    let fleet = protected(false, "", |fleet| {
        let tree = Tree::at(&fleet.root("mx1", ROOT))?;
        for name in ["content", "mode", "time", "gone", "linked"] {
            tree.file(name, "the same")?;
        }
        tree.hard_link("other", "linked")?;
        tree.symlink("link", "content")?;
        Ok(())
    })?;
    story::compare(&fleet)?.ok()?;
    let replica = Tree::at(&fleet.root("mx2", ROOT))?;
    replica.file("content", "The same")?;
    replica.modified("content", 1, 1)?;
    replica.mode("mode", 0o600)?;
    replica.modified("time", 5, 5)?;
    fs::remove_file(replica.path("gone"))?;
    fs::remove_file(replica.path("link"))?;
    symlink("mode", replica.path("link"))?;
    fs::remove_file(replica.path("other"))?;
    fs::copy(replica.path("linked"), replica.path("other"))?;
    replica.file("extra", "only here")?;
    let said = story::compare(&fleet)?.with_code(1)?;
    for name in ["content", "mode", "time", "gone", "link", "extra"] {
        ensure!(said.stdout.contains(name), "{name} is not listed:\n{}", said.stdout);
    }
    fleet.run(&["sync", SCENARIO, "--yes"])?;
    assert_equal(&fleet).context("after sync")
}

/// What people do: unpack, clone, remove, move big directories, and ten thousand small writes.
fn live_changes(root: &Path) -> Result<()> {
    let archive = root.with_extension("tar");
    shell(&format!(
        "tar -C /usr/share -cf '{}' perl5 python3 2>/dev/null || tar -C /usr/share -cf '{0}' doc",
        archive.display()
    ))?;
    let unpacked = root.join("unpacked");
    fs::create_dir_all(&unpacked)?;
    shell(&format!("tar -C '{}' -xf '{}'", unpacked.display(), archive.display()))?;
    fs::remove_file(&archive)?;
    let repository = root.with_extension("git-source");
    shell(&format!(
        "git init -q '{0}' && cd '{0}' && cp -r /usr/share/common-licenses . && git add -A &&
         git -c user.name=a -c user.email=a@b commit -qm one && git clone -q --bare '{0}' '{1}'",
        repository.display(),
        root.join("clone.git").display()
    ))?;
    fs::remove_dir_all(&repository)?;
    fs::rename(root.join("doc"), root.join("moved"))?;
    fs::rename(root.join("unpacked"), root.join("moved/unpacked"))?;
    for number in 0..10_000 {
        fs::write(root.join(format!("small{}", number % 500)), format!("write {number}"))?;
    }
    let halves = fs::read_dir(root.join("moved"))?.filter_map(Result::ok).enumerate().filter(|(n, _)| n % 2 == 0);
    for (_, entry) in halves.filter(|(_, entry)| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        fs::remove_dir_all(entry.path())?;
    }
    Ok(())
}

pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    shell(&format!("cp -a '{}' '{}'", from.display(), to.display()))
}

fn shell(script: &str) -> Result<()> {
    let output = Command::new("sh").arg("-c").arg(script).output()?;
    ensure!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
