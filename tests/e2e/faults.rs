//! Links, disks and roots that go away.

use crate::story::{
    ROOT, SCENARIO, SOON, assert_equal, holds, lineage_of_target, protected, unsent, wait_until_protected,
};
use anyhow::{Context, Result, ensure};
use std::{fs, process::Command, time::Duration};
use testkit::{Fleet, Limit, Tree, Writer, wait_until};

/// A small spool at the source.
const SMALL_SPOOL: (&str, &str) = ("maxSize: 256MiB", "maxSize: 8MiB");

#[test]
fn a_link_that_is_cut_under_writes_catches_up_without_a_new_copy() -> Result<()> {
    let fleet = protected(true, "", |fleet| Tree::of_every_kind(&fleet.root("mx1", ROOT)).map(drop))?;
    let before = lineage_of_target(&fleet.scenario(SCENARIO)?)?;
    fleet.cut_links();
    // A minute and more where somebody has it.
    let cut = std::env::var("STANDIN_CUT_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5);
    let limit = Limit { operations: 1_000 * cut, time: Duration::from_secs(cut), pause: Duration::from_micros(500) };
    let written = Writer::start(&fleet.root("mx1", ROOT), 7, limit).finish()?;
    fleet.wait_for_scenario(SCENARIO, SOON, "the cut shows", |s| !holds(s, "Protected") && unsent(s) > Some(0))?;
    let passed = fleet.relay("mx2")?.passed_bytes();
    let begin = std::time::Instant::now();
    fleet.mend_links();
    fleet.wait_for_scenario(SCENARIO, SOON, "drained", |s| holds(s, "Protected") && unsent(s) == Some(0))?;
    println!("{} operations in {cut} s without a link, drained after {:?}", written.operations, begin.elapsed());
    assert_equal(&fleet)?;
    let after = lineage_of_target(&fleet.scenario(SCENARIO)?)?;
    ensure!(after > before, "the position went from {before} to {after}");
    let events = fleet.run(&["events", SCENARIO])?;
    ensure!(fleet.relay("mx2")?.passed_bytes() > passed, "nothing passed the relay\n{}", events.stdout);
    Ok(())
}

#[test]
fn a_full_spool_never_blocks_the_application() -> Result<()> {
    let fleet = protected(true, "", |_| Ok(()))?;
    let manifest = fleet.scenario_manifest(SCENARIO, &[ROOT], "")?.replacen(SMALL_SPOOL.0, SMALL_SPOOL.1, 1);
    fleet.write_manifest("files.yaml", &manifest)?;
    fleet.apply()?;
    fleet.cut_links();
    let root = fleet.root("mx1", ROOT);
    let writes = std::time::Instant::now();
    for number in 0..64 {
        fs::write(root.join(format!("f{number}")), vec![number as u8; 1 << 20])?;
    }
    ensure!(writes.elapsed() < Duration::from_secs(20), "64 MiB of writes took {:?}", writes.elapsed());
    fleet.wait_for_scenario(SCENARIO, SOON, "the full spool shows", |s| !holds(s, "SpoolHealthy"))?;
    fs::remove_file(root.join("f3"))?;
    fs::rename(root.join("f4"), root.join("moved"))?;
    fleet.mend_links();
    assert_equal(&fleet)?;
    fs::write(root.join("after"), "normal again")?;
    assert_equal(&fleet)
}

#[test]
fn a_full_replica_keeps_the_old_file_and_goes_on_when_there_is_room() -> Result<()> {
    let Some(disk) = SmallDisk::mount(48)? else { return Ok(()) };
    let fleet = Fleet::builder().start()?;
    let replica_root = disk.path().join("data");
    let manifest = fleet.scenario_manifest(SCENARIO, &[ROOT], "")?;
    let manifest =
        manifest.replace(&fleet.root("mx2", ROOT).display().to_string(), &replica_root.display().to_string());
    fleet.write_manifest("files.yaml", &manifest)?;
    let root = fleet.root("mx1", ROOT);
    fs::write(root.join("kept"), "old")?;
    fleet.apply()?;
    wait_until_protected(&fleet)?;
    fs::write(disk.path().join("ballast"), vec![1; 24 << 20])?;
    fs::write(root.join("kept"), vec![2; 30 << 20])?;
    let full = |s: &wire::api::StoredScenario| !holds(s, "Protected");
    fleet.wait_for_scenario(SCENARIO, SOON, "the full disk shows", full)?;
    ensure!(fs::read(replica_root.join("kept"))? == b"old", "the old file was touched");
    fs::remove_file(disk.path().join("ballast"))?;
    let arrived = || Ok(fs::metadata(replica_root.join("kept")).is_ok_and(|m| m.len() == 30 << 20));
    wait_until(SOON, "the new content arrives", arrived)?;
    Ok(())
}

#[test]
fn an_emptied_root_halts_and_deletes_nothing() -> Result<()> {
    let fleet = protected(false, "", |fleet| fill(fleet, 20))?;
    let root = fleet.root("mx1", ROOT);
    for entry in fs::read_dir(&root)?.filter_map(Result::ok).filter(|entry| entry.file_name() != ".standin") {
        fs::remove_file(entry.path())?;
    }
    halted(&fleet)?;
    let left = fs::read_dir(fleet.root("mx2", ROOT))?.count();
    ensure!(left == 21, "something was deleted at the replica: {left} of 21 are left");
    fleet.run(&["adopt-root", SCENARIO, ROOT, "--host", "mx1", "--confirm", SCENARIO])?;
    let emptied = || Ok(fs::read_dir(fleet.root("mx2", ROOT))?.count() == 1);
    wait_until(SOON, "the deletion is replicated once it was adopted", emptied)?;
    Ok(())
}

#[test]
fn a_replaced_root_halts_until_it_is_back() -> Result<()> {
    let fleet = protected(false, "", |fleet| fill(fleet, 20))?;
    let root = fleet.root("mx1", ROOT);
    let aside = root.with_extension("aside");
    fs::rename(&root, &aside)?;
    fs::create_dir(&root)?;
    fs::write(root.join("other"), "not ours")?;
    halted(&fleet)?;
    ensure!(!fleet.root("mx2", ROOT).join("other").exists(), "another directory was replicated");
    fs::remove_dir_all(&root)?;
    fs::rename(&aside, &root)?;
    fs::write(root.join("f0"), "changed while away")?;
    fleet.wait_for_scenario(SCENARIO, SOON, "it goes on by itself", |s| holds(s, "RootsReady"))?;
    assert_equal(&fleet)
}

#[test]
fn an_unmounted_root_halts_until_it_is_mounted_again() -> Result<()> {
    let Some(disk) = SmallDisk::mount(48)? else { return Ok(()) };
    let fleet = Fleet::builder().start()?;
    let manifest = fleet.scenario_manifest(SCENARIO, &[ROOT], "")?;
    let manifest = manifest.replace(&fleet.root("mx1", ROOT).display().to_string(), &disk.path().display().to_string());
    fleet.write_manifest("files.yaml", &manifest)?;
    for number in 0..20 {
        fs::write(disk.path().join(format!("f{number}")), "x")?;
    }
    fleet.apply()?;
    wait_until_protected(&fleet)?;
    disk.unmount_lazily()?;
    halted(&fleet)?;
    ensure!(fleet.root("mx2", ROOT).join("f0").exists(), "something was deleted at the replica");
    disk.mount_again()?;
    fs::write(disk.path().join("f0"), "after")?;
    let arrived = || Ok(fs::read(fleet.root("mx2", ROOT).join("f0"))? == b"after");
    wait_until(SOON, "it goes on by itself", arrived)?;
    Ok(())
}

fn fill(fleet: &Fleet, files: u32) -> Result<()> {
    (0..files).try_for_each(|n| Ok(fs::write(fleet.root("mx1", ROOT).join(format!("f{n}")), "x")?))
}

fn halted(fleet: &Fleet) -> Result<()> {
    fleet.wait_for_scenario(SCENARIO, SOON, "the halt shows", |s| !holds(s, "RootsReady"))?;
    let said = fleet.standin(&["describe", "scenario", SCENARIO])?;
    ensure!(said.stdout.contains("adopt-root"), "the command to go on is not shown:\n{}", said.stdout);
    Ok(())
}

/// A small ext4 of its own on a loop device; it goes when this is dropped.
struct SmallDisk {
    directory: tempfile::TempDir,
}

impl SmallDisk {
    fn mount(mib: u64) -> Result<Option<Self>> {
        if !testkit::is_root() || !testkit::has("mkfs.ext4") {
            testkit::skip("needs root and mkfs.ext4, for a small file system of its own");
            return Ok(None);
        }
        let directory = tempfile::tempdir()?;
        fs::create_dir(directory.path().join("disk"))?;
        let disk = Self { directory };
        fs::File::create(disk.image())?.set_len(mib << 20)?;
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &disk.image()])?;
        disk.mount_again()?;
        let lost_and_found = disk.path().join("lost+found");
        fs::remove_dir(lost_and_found)?;
        Ok(Some(disk))
    }

    fn image(&self) -> String {
        self.directory.path().join("image").display().to_string()
    }

    fn path(&self) -> std::path::PathBuf {
        self.directory.path().join("disk")
    }

    fn mount_again(&self) -> Result<()> {
        run("mount", &["-o", "loop", &self.image(), &self.path().display().to_string()])
    }

    fn unmount_lazily(&self) -> Result<()> {
        run("umount", &["-l", &self.path().display().to_string()])
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.unmount_lazily(); // it may not be mounted
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
    ensure!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
