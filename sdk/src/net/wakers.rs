//! Who waits for the same thing.

use std::task::Waker;

/// The tasks that wait. Nearly always there is one, and that takes no memory of its own.
#[derive(Debug, Default)]
pub(super) struct Wakers {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Wakers {
    /// Adds a task, unless it waits already.
    pub(super) fn add(&mut self, waker: &Waker) {
        match &mut self.first {
            None => self.first = Some(waker.clone()),
            Some(first) if first.will_wake(waker) => {}
            Some(_) if self.more.iter().any(|other| other.will_wake(waker)) => {}
            Some(_) => self.more.push(waker.clone()),
        }
    }

    /// Wakes all, and forgets them: who still has to wait says so again.
    pub(super) fn wake(&mut self) {
        if let Some(first) = self.first.take() {
            first.wake();
            self.more.drain(..).for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn each_that_waits_is_woken_once() {
        let counts: [Arc<Count>; 3] = Default::default();
        let mut wakers = Wakers::default();
        for _ in 0..2 {
            for count in &counts {
                wakers.add(&Waker::from(Arc::clone(count)));
            }
        }
        wakers.wake();
        wakers.wake();
        assert_eq!(counts.map(|count| count.0.load(Ordering::Relaxed)), [1, 1, 1]);
    }
}
