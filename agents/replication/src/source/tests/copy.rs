//! What happens to files while they are copied.

use super::{lab::Lab, stream::Pair};
use crate::{message::Message, source::FollowOptions};
use model::agent_status::Capture;
use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

impl Pair {
    /// Has `work` done once, before the first message of which `when` says so is sent.
    fn once(
        &mut self,
        when: impl Fn(&Message) -> bool + Send + Sync + 'static,
        work: impl Fn() + Send + Sync + 'static,
    ) {
        let done = AtomicBool::new(false);
        self.meanwhile = Box::new(move |message| {
            if when(message) && !done.swap(true, Relaxed) {
                work();
            }
        });
    }
}

fn is_data(message: &Message) -> bool {
    matches!(message, Message::Data { .. })
}

#[test]
fn what_is_renamed_during_a_first_copy_arrives_with_its_content() {
    for best in [Capture::Fanotify, Capture::FanotifyDirs, Capture::Inotify] {
        let mut pair = Pair::new(Lab::new(best));
        let root = pair.lab.root();
        for dir in ["a/in", "b/in", "c"] {
            fs::create_dir_all(root.join(dir)).unwrap();
            (0..5)
                .for_each(|file| fs::write(root.join(dir).join(format!("f{file}")), format!("{dir} {file}")).unwrap());
        }
        pair.once(is_data, {
            let root = root.clone();
            move || {
                ["a", "b"]
                    .iter()
                    .for_each(|dir| fs::rename(root.join(dir), root.join(format!("{dir} moved"))).unwrap());
                (0..5).for_each(|at| fs::rename(root.join(format!("c/f{at}")), root.join(format!("g{at}"))).unwrap());
            }
        });
        let source = pair.lab.open();
        let _ = pair.session(&source, &FollowOptions::default(), None, || {
            pair.caught_up(&source);
            pair.assert_equal(&source);
        });
    }
}
