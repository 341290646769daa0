//! Work for many items on all processors, whose results are taken one by one in the items' order: what comes of it is
//! what a plain loop makes, sooner. It knows nothing of what the work is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

/// Items that are done between two looks at what others do.
const CHUNK: usize = 32;
/// Chunks that wait to be taken: results are let go of soon, and memory stays small.
const WAITING: usize = 8;
/// More processors than this wait for the one that takes the results.
const MOST: usize = 8;
/// As much stack as the first thread of a program usually has: parsers count on it.
const STACK: usize = 8 << 20;

/// Does `work` for each item, and gives the results to `take` in the items' order, on this thread. The first error ends
/// it; what was worked ahead by then is dropped.
pub fn in_order<T: Sync, R: Send, E>(
    items: &[T],
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from).min(MOST);
    if processors < 2 || items.len() <= CHUNK {
        return items.iter().try_for_each(|item| take(work(item)));
    }
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (done, results) = sync_channel(WAITING);
        let mut started = 0;
        for _ in 0..processors {
            let (done, next, work) = (done.clone(), &next, &work);
            let thread = std::thread::Builder::new().stack_size(STACK);
            started += usize::from(thread.spawn_scoped(scope, move || some(items, next, work, &done)).is_ok());
        }
        drop(done);
        if started == 0 {
            return items.iter().try_for_each(|item| take(work(item)));
        }
        // Chunks that came before their turn. Whoever waits for room to put one is let go as `results` is dropped.
        let mut early: BTreeMap<usize, Vec<R>> = BTreeMap::new();
        let mut turn = 0;
        for (number, chunk) in results {
            early.insert(number, chunk);
            while let Some(chunk) = early.remove(&turn) {
                chunk.into_iter().try_for_each(&mut take)?;
                turn += 1;
            }
        }
        Ok(())
    })
}

/// Takes chunk after chunk until none is left, or nobody wants the results any more.
fn some<T, R>(items: &[T], next: &AtomicUsize, work: impl Fn(&T) -> R, done: &SyncSender<(usize, Vec<R>)>) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(rest) = items.get(number.saturating_mul(CHUNK)..).filter(|rest| !rest.is_empty()) else { return };
        let chunk: Vec<R> = rest.iter().take(CHUNK).map(&work).collect();
        if done.send((number, chunk)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, in_order};

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for count in [0, 1, CHUNK, CHUNK + 1, 100 * CHUNK + 7] {
            let items: Vec<usize> = (0..count).collect();
            let mut taken = Vec::new();
            // Some take longer than those behind them.
            let work = |n: &usize| (0..n % 7 * 1000).fold(*n, |sum, more| std::hint::black_box(sum + more - more));
            let end: Result<(), ()> = in_order(&items, work, |n| {
                taken.push(n);
                Ok(())
            });
            assert_eq!((end, taken), (Ok(()), items));
        }
    }

    #[test]
    fn the_first_error_in_order_ends_it_and_nobody_waits_for_ever() {
        let items: Vec<usize> = (0..1000 * CHUNK).collect();
        let mut taken = 0;
        let work = |n: &usize| if n % 50 == 49 { Err(*n) } else { Ok(*n) };
        let end = in_order(&items, work, |result| {
            taken += 1;
            result.map(drop)
        });
        assert_eq!((end, taken), (Err(49), 50));
    }
}
