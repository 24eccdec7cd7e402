//! Selections of before, for undo and redo.

use crate::analysis::Selection;

/// More than anybody goes back.
const KEPT: usize = 200;

/// What was selected before the present selection, and what was undone.
#[derive(Debug, Default)]
pub struct History {
    past: Vec<Selection>,
    future: Vec<Selection>,
}

impl History {
    /// The selection was changed from `before`: what was undone cannot be redone any more.
    pub fn record(&mut self, before: Selection) {
        self.future.clear();
        self.past.push(before);
        if self.past.len() > KEPT {
            self.past.remove(0);
        }
    }

    /// The selection before the present one.
    pub fn undo(&mut self, present: &Selection) -> Option<Selection> {
        let before = self.past.pop()?;
        self.future.push(present.clone());
        Some(before)
    }

    /// The selection that was undone last.
    pub fn redo(&mut self, present: &Selection) -> Option<Selection> {
        let after = self.future.pop()?;
        self.past.push(present.clone());
        Some(after)
    }

    /// Forgets everything: the selections mean nothing in another trace.
    pub fn clear(&mut self) {
        self.past.clear();
        self.future.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(token: usize) -> Selection {
        Selection { tokens: vec![token], ..Selection::default() }
    }

    #[test]
    fn undo_and_redo_go_back_and_forth() {
        let mut history = History::default();
        history.record(token(1));
        history.record(token(2));
        assert_eq!(history.undo(&token(3)), Some(token(2)));
        assert_eq!(history.undo(&token(2)), Some(token(1)));
        assert_eq!(history.undo(&token(1)), None);
        assert_eq!(history.redo(&token(1)), Some(token(2)));
        history.record(token(2));
        assert_eq!(history.redo(&token(9)), None, "a new selection ends what could be redone");
    }

    #[test]
    fn it_is_bounded() {
        let mut history = History::default();
        (0..KEPT + 5).for_each(|index| history.record(token(index)));
        let back = std::iter::from_fn(|| history.undo(&token(0))).count();
        assert_eq!(back, KEPT);
    }
}
