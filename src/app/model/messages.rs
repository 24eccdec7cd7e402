//! Short messages that go away by themselves.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::trace::shortened;

/// How long each is shown.
const SHOWN_FOR: Duration = Duration::from_secs(6);

/// The most characters of a message: what is read in that time.
const MOST_LETTERS: usize = 600;

/// The messages that are shown, the oldest first.
#[derive(Debug, Default)]
pub struct Messages {
    shown: Vec<Message>,
}

/// One message.
#[derive(Debug)]
pub struct Message {
    /// As it was told.
    pub text: String,
    /// Whether something went wrong.
    pub is_error: bool,
    /// How often it was told while it was shown.
    pub count: usize,
    /// Of a file that was saved: its folder.
    pub folder: Option<PathBuf>,
    since: Instant,
}

impl Messages {
    /// Shows what happened.
    pub fn tell(&mut self, text: impl Into<String>) {
        self.add(&text.into(), false, None);
    }

    /// Shows where a file or a folder was saved, which can be looked at there.
    pub fn tell_saved(&mut self, path: &Path) {
        let folder = if path.is_dir() { Some(path) } else { path.parent() };
        self.add(&format!("Saved: {}", path.display()), false, folder.map(Path::to_owned));
    }

    /// Shows what went wrong.
    pub fn fail(&mut self, text: impl Into<String>) {
        self.add(&text.into(), true, None);
    }

    /// Those that are still shown.
    pub fn shown(&self) -> &[Message] {
        &self.shown
    }

    /// Lets go what was shown for long enough; the time until the next one goes.
    pub fn let_go(&mut self, now: Instant) -> Option<Duration> {
        let left = |message: &Message| SHOWN_FOR.saturating_sub(now.saturating_duration_since(message.since));
        self.shown.retain(|message| !left(message).is_zero());
        self.shown.iter().map(left).min()
    }

    fn add(&mut self, text: &str, is_error: bool, folder: Option<PathBuf>) {
        let text = shortened(text, MOST_LETTERS).into_owned();
        let same = self.shown.iter_mut().find(|message| message.text == text && message.is_error == is_error);
        match same {
            Some(message) => (message.count, message.since) = (message.count + 1, Instant::now()),
            None => self.shown.push(Message { text, is_error, count: 1, folder, since: Instant::now() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_repeats_is_one_message() {
        let mut messages = Messages::default();
        (0..6).for_each(|_| messages.fail("layer 2 has no head 7"));
        messages.tell("Saved");
        let shown: Vec<_> = messages.shown().iter().map(|message| (message.text.as_str(), message.count)).collect();
        assert_eq!(shown, [("layer 2 has no head 7", 6), ("Saved", 1)]);
        let now = Instant::now();
        assert!(messages.let_go(now).is_some_and(|left| left <= SHOWN_FOR));
        assert_eq!(messages.let_go(now + SHOWN_FOR), None);
        assert!(messages.shown().is_empty());
    }
}
