//! The token atlas in the window: what it shows, and the workers that project tokens and look for the nearest.

use std::collections::HashMap;
use std::sync::Arc;

use crate::app::model::state::State;
use crate::app::model::tokens::{NearTokens, ShownTokens};
use crate::app::work::about::About;
use crate::app::work::latest::Latest;
use crate::dataset::Dataset;
use crate::dataset::tokens::{NearestOptions, TokenAtlas, TokenError, TokenKey, nearest, states};
use crate::view::{PaintedTokens, TokenColor, rows_of};
use crate::view::{Theme, TokenCloud};

/// Of each modality.
const NEAREST: usize = 10;

/// What the picture is made of.
#[derive(Clone, Debug, PartialEq)]
struct Painting {
    state: Option<usize>,
    color: TokenColor,
    theme: Theme,
    rows: Arc<Vec<u32>>,
}

/// The tokens of a hidden state, and which of them the nearest are looked for.
#[derive(Clone)]
struct Near {
    atlas: Arc<TokenAtlas>,
    token: usize,
}

impl PartialEq for Near {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.atlas, &other.atlas) && self.token == other.token
    }
}

/// Which dataset, which state, and what is known of it.
type Known = (u64, usize, Arc<TokenAtlas>);

/// All of a projection's progress, in as many steps as a window shows.
const WHOLE: usize = 50;

/// Asks and takes answers for the state.
pub struct TokenDesk {
    painter: Latest<About<Dataset, Painting>, ShownTokens>,
    finder: Latest<About<Dataset, Near>, NearTokens>,
}

impl TokenDesk {
    /// Starts the workers. `wake` asks for a frame from any thread.
    pub fn new(wake: impl Fn() + Clone + Send + Sync + 'static) -> Self {
        Self {
            painter: Latest::start(
                wake.clone(),
                || None,
                |known, request: &About<_, _>, job| {
                    job.expect(WHOLE);
                    let mut shown = 0;
                    let mut progress = |share: f32| {
                        let now = (share * WHOLE as f32) as usize;
                        if now != shown {
                            shown = now;
                            job.set_done(now);
                            job.wake();
                        }
                        job.goes_on()
                    };
                    Ok(painted(request, known, &mut progress)?)
                },
            ),
            finder: Latest::start(
                wake,
                || (),
                |(), About { subject, question, .. }: &About<_, Near>, job| {
                    Ok(near(subject, &question.atlas, question.token, &|| job.goes_on()))
                },
            ),
        }
    }

    /// Asks for what the state shows now, unless that was the last question already, or nobody looks.
    pub fn ask(&mut self, state: &mut State, is_shown: bool) {
        let browsing = &state.browsing;
        let panel = &mut state.tokens;
        let dataset = browsing.dataset.as_ref().filter(|dataset| dataset.index().is_some());
        let Some(dataset) = dataset.filter(|_| is_shown) else { return };
        if self.painter.asked().is_some_and(|asked| asked.serial != browsing.serial) {
            (panel.shown, panel.near, panel.view) = (None, None, None);
        }
        let painting = Painting {
            state: panel.state,
            color: panel.color,
            theme: state.options.theme,
            rows: Arc::clone(&browsing.listing.rows),
        };
        if self.painter.ask(About::dataset(dataset, browsing.serial, painting)) {
            panel.is_cancelled = false;
        }
        if panel.is_cancelled {
            self.painter.stop();
        }
        match (&panel.near, &panel.shown) {
            (Some(near), Some(shown)) => {
                let near = Near { atlas: Arc::clone(&shown.atlas), token: near.token };
                self.finder.ask(About::dataset(dataset, browsing.serial, near));
            }
            _ => self.finder.forget(),
        }
    }

    /// Hands answers to the state.
    pub fn take_answers(&mut self, state: &mut State) {
        let panel = &mut state.tokens;
        if let Some(answer) = self.painter.take() {
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
        if let Some(answer) = self.finder.take() {
            let token = self.finder.asked().map(|asked| asked.question.token);
            let failed = |error: anyhow::Error| {
                token.map(|token| NearTokens { token, found: Err(error.to_string()), places: vec![token] })
            };
            panel.near = answer.map_or_else(failed, Some).map(Arc::new);
            panel.version += 1;
        }
        panel.progress = (!self.painter.is_settled()).then(|| self.painter.share());
    }

    /// Whether nothing is awaited.
    pub fn is_settled(&self) -> bool {
        self.painter.is_settled() && self.finder.is_settled()
    }
}

fn painted(
    About { subject: dataset, serial, question }: &About<Dataset, Painting>,
    known: &mut Option<Known>,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<ShownTokens, TokenError> {
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
        Some((of, at, atlas)) if (&*of, *at) == (serial, state) => Arc::clone(atlas),
        _ => Arc::new(TokenAtlas::open(index, state, progress)?),
    };
    *known = Some((*serial, state, Arc::clone(&atlas)));
    let painted = PaintedTokens::of(&atlas, dataset, &question.rows, question.color, question.theme);
    let rows = rows_of(dataset, &atlas.tokens);
    let cloud = TokenCloud::new(painted.places, |token| painted.colors[token]);
    Ok(ShownTokens { states, atlas, cloud, legend: painted.legend, note: painted.note, rows })
}

fn near(dataset: &Dataset, atlas: &TokenAtlas, token: usize, goes_on: &(dyn Fn() -> bool + Sync)) -> NearTokens {
    let tokens = &atlas.tokens;
    let key = |token: usize| TokenKey {
        example: tokens.key(token),
        sequence: tokens.sequences[tokens.sequence[token] as usize].clone(),
        position: tokens.position[token] as usize,
    };
    let options = NearestOptions { count: NEAREST, ..NearestOptions::default() };
    let found = nearest(dataset, atlas.state, &key(token), options, goes_on);
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
