//! The token atlas in the window: what it shows, and the workers that project tokens and look for the nearest.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::app::model::state::State;
use crate::app::model::tokens::{NearTokens, ShownTokens};
use crate::app::work::worker::Worker;
use crate::dataset::Dataset;
use crate::dataset::tokens::{NearestOptions, TokenAtlas, TokenError, TokenKey, nearest, states};
use crate::view::{PaintedTokens, TokenColor, rows_of};
use crate::view::{Theme, TokenCloud};

/// Of each modality.
const NEAREST: usize = 10;

/// What the picture is made of.
#[derive(Clone, Debug)]
struct Question {
    dataset: Arc<Dataset>,
    serial: u64,
    state: Option<usize>,
    color: TokenColor,
    theme: Theme,
    rows: Arc<Vec<u32>>,
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        let key = |question: &Self| (question.serial, question.state, question.color, question.theme);
        key(self) == key(other) && (Arc::ptr_eq(&self.rows, &other.rows) || self.rows == other.rows)
    }
}

type NearQuestion = (Arc<Dataset>, Arc<TokenAtlas>, usize);
/// Which dataset, which state, and what is known of it.
type Known = (u64, usize, Arc<TokenAtlas>);

/// Asks and takes answers for the state.
pub struct TokenDesk {
    painter: Worker<Question, (Question, Result<ShownTokens, TokenError>)>,
    finder: Worker<NearQuestion, (usize, NearTokens)>,
    asked: Option<Question>,
    answered: Option<Question>,
    sought: Option<usize>,
    /// In thousandths.
    done: Arc<AtomicU32>,
    is_cancelled: Arc<AtomicBool>,
}

impl TokenDesk {
    /// Starts the workers. `wake` asks for a frame from any thread.
    pub fn new(wake: impl Fn() + Clone + Send + 'static) -> Self {
        let (done, is_cancelled) = (Arc::<AtomicU32>::default(), Arc::<AtomicBool>::default());
        let (told, gives_up, tell) = (Arc::clone(&done), Arc::clone(&is_cancelled), wake.clone());
        let mut known: Option<Known> = None;
        let paint = move |question: Question, outdated: &AtomicBool| {
            let mut last = 0;
            let mut progress = |share: f32| {
                let now = (share * 1000.0) as u32;
                told.store(now, Ordering::Relaxed);
                if now / 20 != last {
                    last = now / 20;
                    tell();
                }
                !gives_up.load(Ordering::Relaxed) && !outdated.load(Ordering::Relaxed)
            };
            let answer = painted(&question, &mut known, &mut progress);
            let is_wanted = answer.is_ok() || !outdated.load(Ordering::Relaxed);
            is_wanted.then_some((question, answer))
        };
        let find = |(dataset, atlas, token): NearQuestion, outdated: &AtomicBool| {
            let found = near(&dataset, &atlas, token, outdated);
            (!outdated.load(Ordering::Relaxed)).then_some((token, found))
        };
        Self {
            painter: Worker::start(paint, wake.clone()),
            finder: Worker::start(find, wake),
            asked: None,
            answered: None,
            sought: None,
            done,
            is_cancelled,
        }
    }

    /// Asks for what the state shows now, unless that was the last question already, or nobody looks.
    pub fn ask(&mut self, state: &mut State, is_shown: bool) {
        let browsing = &state.browsing;
        let panel = &mut state.tokens;
        let dataset = browsing.dataset.as_ref().filter(|dataset| dataset.index().is_some());
        let Some(dataset) = dataset.filter(|_| is_shown) else { return };
        let question = Question {
            dataset: Arc::clone(dataset),
            serial: browsing.serial,
            state: panel.state,
            color: panel.color,
            theme: state.options.theme,
            rows: Arc::clone(&browsing.listing.rows),
        };
        if self.asked.as_ref() != Some(&question) {
            if self.asked.as_ref().is_some_and(|asked| asked.serial != question.serial) {
                (panel.shown, panel.near, panel.view) = (None, None, None);
            }
            self.is_cancelled.store(false, Ordering::Relaxed);
            self.done.store(0, Ordering::Relaxed);
            panel.is_cancelled = false;
            self.asked = Some(question.clone());
            self.painter.ask(question);
        }
        if panel.is_cancelled {
            self.is_cancelled.store(true, Ordering::Relaxed);
        }
        let wanted = panel.near.as_ref().map(|near| near.token);
        if wanted != self.sought {
            self.sought = wanted;
            if let (Some(token), Some(shown)) = (wanted, &panel.shown) {
                self.finder.ask((Arc::clone(dataset), Arc::clone(&shown.atlas), token));
            }
        }
    }

    /// Hands answers to the state.
    pub fn take_answers(&mut self, state: &mut State) {
        let answers: Vec<_> = self.painter.answers().collect();
        for (question, answer) in answers {
            if self.asked.as_ref() != Some(&question) {
                continue;
            }
            self.answered = Some(question);
            let panel = &mut state.tokens;
            match answer {
                Ok(shown) => {
                    let is_same = panel.shown.as_ref().is_some_and(|before| Arc::ptr_eq(&before.atlas, &shown.atlas));
                    if !is_same {
                        (panel.view, panel.near) = (None, None);
                    }
                    (panel.shown, panel.failure) = (Some(Arc::new(shown)), None);
                }
                Err(error) => panel.failure = Some(error.to_string()),
            }
            panel.version += 1;
        }
        if let Some((token, found)) = self.finder.answers().last()
            && self.sought == Some(token)
        {
            state.tokens.near = Some(Arc::new(found));
            state.tokens.version += 1;
        }
        let waits = self.asked != self.answered;
        state.tokens.progress = waits.then(|| self.done.load(Ordering::Relaxed) as f32 / 1000.0);
    }

    /// Whether nothing is awaited.
    pub fn is_settled(&self) -> bool {
        self.asked == self.answered
    }
}

fn painted(
    question: &Question,
    known: &mut Option<Known>,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<ShownTokens, TokenError> {
    let dataset = &question.dataset;
    let none = || TokenError::NoToken("the dataset has no index".to_owned());
    let index = dataset.index().ok_or_else(none)?;
    let states = states(index)?;
    let last = states.last().copied();
    let state = question.state.filter(|state| states.contains(state)).or(last);
    let state = state.ok_or_else(|| {
        TokenError::NoToken(
            "the index holds no hidden states: `vlscope index --hidden-states last` adds them".to_owned(),
        )
    })?;
    let atlas = match known {
        Some((serial, of, atlas)) if (*serial, *of) == (question.serial, state) => Arc::clone(atlas),
        _ => Arc::new(TokenAtlas::open(index, state, progress)?),
    };
    *known = Some((question.serial, state, Arc::clone(&atlas)));
    let painted = PaintedTokens::of(&atlas, dataset, &question.rows, question.color, question.theme);
    let rows = rows_of(dataset, &atlas.tokens);
    let cloud = TokenCloud::new(painted.places, |token| painted.colors[token]);
    Ok(ShownTokens { states, atlas, cloud, legend: painted.legend, note: painted.note, rows })
}

fn near(dataset: &Dataset, atlas: &TokenAtlas, token: usize, outdated: &AtomicBool) -> NearTokens {
    let tokens = &atlas.tokens;
    let key = |token: usize| TokenKey {
        example: tokens.key(token),
        sequence: tokens.sequences[tokens.sequence[token] as usize].clone(),
        position: tokens.position[token] as usize,
    };
    let options = NearestOptions { count: NEAREST, ..NearestOptions::default() };
    let found = nearest(dataset, atlas.state, &key(token), options, &|| !outdated.load(Ordering::Relaxed));
    let mut places = vec![token];
    if let Ok(found) = &found {
        let listed: Vec<&TokenKey> = found.same.iter().chain(&found.other).map(|near| &near.key).collect();
        let wanted: HashMap<(i64, u32), usize> =
            listed.iter().enumerate().map(|(at, key)| ((key.example, key.position as u32), at)).collect();
        let mut at = vec![None; listed.len()];
        for token in 0..tokens.len() {
            let found = wanted.get(&(tokens.key(token), tokens.position[token]));
            if let Some(&place) = found.filter(|&&place| key(token) == *listed[place]) {
                at[place] = Some(token);
            }
        }
        places.extend(at.into_iter().flatten());
    }
    NearTokens { token, found: found.map_err(|error| error.to_string()), places }
}
