//! Many files at once: each is parsed on its own, so the processors share them.

use super::{Document, documents};
use crate::finding::Finding;
use std::{num::NonZero, thread};

/// Fewer files than this are parsed sooner than a thread starts.
const FILES_MIN: usize = 64;
/// Most threads: reading is soon over, and others want to work too.
const THREADS_MAX: usize = 4;

/// What one file holds, and what is wrong with it.
pub type Parsed = (Vec<Document>, Vec<Finding>);

/// Parses the texts of all files, in their order.
pub fn documents_of_all<T: AsRef<str> + Sync>(texts: &[T]) -> Vec<Parsed> {
    let one = |(file, text): (usize, &T)| {
        let mut findings = Vec::new();
        (documents(file, text.as_ref(), &mut findings), findings)
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX);
    if texts.len() < FILES_MIN || threads < 2 {
        return texts.iter().enumerate().map(one).collect();
    }
    let share = texts.len().div_ceil(threads);
    let part = |n: usize| move || texts.iter().enumerate().skip(n * share).take(share).map(one).collect::<Vec<_>>();
    thread::scope(|scope| {
        let parts: Vec<_> = (0..threads).map(|n| scope.spawn(part(n))).collect();
        // A part that panicked would have done so on one thread too.
        parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
