//! A list that holds its first few members in place.

use std::fmt;

/// A list of which up to `N` members need no allocation; with `N` = 0 it is a `Vec`.
#[derive(Clone)]
pub(crate) struct Few<T, const N: usize> {
    inline: [T; N],
    /// Members in `inline`; means nothing once `spilled` holds them all.
    count: usize,
    spilled: Vec<T>,
}

impl<T: Default, const N: usize> Few<T, N> {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { inline: std::array::from_fn(|_| T::default()), count: 0, spilled: Vec::new() }
    }

    #[inline]
    pub(crate) fn push(&mut self, member: T) {
        if N == 0 {
            self.spilled.push(member);
        } else if let Some(place) = self.inline.get_mut(self.count)
            && self.spilled.is_empty()
        {
            *place = member;
            self.count += 1;
        } else {
            self.spill();
            self.spilled.push(member);
        }
    }

    /// Moves what is held in place, once.
    #[cold]
    fn spill(&mut self) {
        if self.spilled.is_empty() {
            let held = self.inline.iter_mut().take(self.count);
            self.spilled.extend(held.map(std::mem::take));
        }
    }
}

impl<T, const N: usize> Few<T, N> {
    #[inline]
    pub(crate) fn as_slice(&self) -> &[T] {
        if self.spilled.is_empty() {
            self.inline.get(..self.count).unwrap_or(&self.inline)
        } else {
            &self.spilled
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self.inline.get_mut(..self.count) {
            Some(held) if self.spilled.is_empty() => held,
            _ => &mut self.spilled,
        }
    }
}

impl<T: Default, const N: usize> From<Vec<T>> for Few<T, N> {
    fn from(spilled: Vec<T>) -> Self {
        Self { spilled, ..Self::new() }
    }
}

impl<T: fmt::Debug, const N: usize> fmt::Debug for Few<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<T: PartialEq, const N: usize> PartialEq for Few<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Eq, const N: usize> Eq for Few<T, N> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_when_they_spill() {
        let mut few = Few::<String, 2>::new();
        for count in 0..5 {
            assert_eq!(few.as_slice().len(), count);
            assert_eq!(few.as_mut_slice().len(), count);
            few.push(count.to_string());
        }
        assert_eq!(few.as_slice(), ["0", "1", "2", "3", "4"]);
        few.as_mut_slice().reverse();
        assert_eq!(few, Few::from(vec!["4".into(), "3".into(), "2".into(), "1".into(), "0".into()]));
    }

    #[test]
    fn without_room_in_place_it_is_a_vec() {
        let mut few = Few::<u8, 0>::new();
        assert!(few.as_slice().is_empty());
        few.push(1);
        assert_eq!(few.as_slice(), [1]);
        assert!(Few::<u8, 0>::from(vec![]).as_slice().is_empty());
    }
}
