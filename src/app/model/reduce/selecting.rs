//! What a click, a lasso or the pointer makes of the selection.

use crate::analysis::{Direction, NamedTokens, Pick, Selection};
use crate::app::model::state::State;
use crate::trace::{Block, WordState};
use crate::view::Target;

impl State {
    /// The selection that a click on `target` would make of the present one.
    pub(in crate::app) fn selected_by(&self, target: &Target, extend: bool) -> Selection {
        let mut selection = self.selection.clone();
        match *target {
            // A head that its layer lacks is there to be seen, but not to be selected.
            Target::Head { layer, head } if head >= self.heads(layer) => {}
            Target::Head { layer, head } => {
                selection.layer = Pick::One(layer);
                selection.head = Pick::One(head);
            }
            Target::LayerMean { layer } if self.heads(layer) == 0 => {}
            Target::LayerMean { layer } => {
                selection.layer = Pick::One(layer);
                selection.head = Pick::Mean;
            }
            Target::HeadMean { head } => {
                selection.layer = Pick::Mean;
                selection.head = Pick::One(head);
            }
            Target::AllHeads => {
                selection.layer = Pick::Mean;
                selection.head = Pick::Mean;
            }
            Target::Token { sequence, token } => {
                if self.turn_to(&mut selection, sequence) {
                    toggle(&mut selection.tokens, token, extend);
                }
            }
            Target::Cell { query, key } => {
                let token = match selection.direction {
                    Direction::AttendsTo => query,
                    Direction::AttendedBy => key,
                };
                toggle(&mut selection.tokens, token, extend);
            }
            Target::Output { layer, token } => {
                if let Some(layer) = layer {
                    selection.layer = Pick::One(layer);
                }
                // A drag over the timeline meets the selected token again and keeps it.
                let is_known = selection.tokens == [token];
                if selection.direction == Direction::AttendedBy {
                    selection.direction = Direction::AttendsTo;
                    selection.tokens = vec![token];
                } else if extend || !is_known {
                    toggle(&mut selection.tokens, token, extend);
                }
            }
            Target::Pieces { sequence, first, count } => {
                if !self.turn_to(&mut selection, sequence) {
                    return selection;
                }
                let pieces: Vec<usize> = (first..first + count).collect();
                if !extend {
                    selection.tokens = if selection.tokens == pieces { Vec::new() } else { pieces };
                } else if pieces.iter().all(|piece| selection.tokens.contains(piece)) {
                    selection.tokens.retain(|token| !pieces.contains(token));
                } else {
                    selection.tokens.retain(|token| !pieces.contains(token));
                    selection.tokens.extend(pieces);
                }
            }
            Target::Decoded { words, state, token } => self.select_decoded(&mut selection, words, state, token, extend),
            Target::Pin { pin } => selection = self.pinned(pin).unwrap_or(selection),
            Target::State { .. } | Target::Frame { .. } => {}
        }
        selection
    }

    /// A token, and the layer that put out a state of it, where the block has that.
    fn select_decoded(&self, selection: &mut Selection, words: usize, state: usize, token: usize, extend: bool) {
        let Some(described) = self.trace.as_ref().and_then(|open| open.document().words.get(words)) else { return };
        let holds = |block: &Block| [block.query, block.key].contains(&described.sequence);
        if self.block().is_some_and(|block| !holds(block)) || !self.turn_to(selection, described.sequence) {
            return;
        }
        let layer = match described.states.get(state) {
            Some(WordState::Hidden(state)) => state.checked_sub(1),
            _ => None,
        };
        if let Some(layer) = layer.and_then(|number| self.block()?.layer_index(number)) {
            selection.layer = Pick::One(layer);
        }
        if extend || selection.tokens != [token] {
            toggle(&mut selection.tokens, token, extend);
        }
    }

    /// Names the tokens that the heads' shares of attention are about. They are on the side where no token is selected.
    pub(in crate::app) fn rank_heads(&mut self, sequence: usize, tokens: &[usize]) {
        let Some((query, key)) = self.block().map(|block| (block.query, block.key)) else { return };
        let far = match self.selection.direction {
            Direction::AttendsTo => key,
            Direction::AttendedBy => query,
        };
        if tokens.is_empty() || ![query, key].contains(&sequence) {
            return;
        }
        // Not how much the tokens look at themselves.
        if self.selection.tokens == tokens {
            self.selection.tokens.clear();
        }
        if sequence != far {
            self.set_direction(match self.selection.direction {
                Direction::AttendsTo => Direction::AttendedBy,
                Direction::AttendedBy => Direction::AttendsTo,
            });
        }
        self.options.to = Some(NamedTokens::of_places(tokens));
        self.options.heads_filter = None;
    }

    /// How many heads a layer of the selected block has.
    fn heads(&self, layer: usize) -> usize {
        let trace = self.trace.as_ref().filter(|_| self.block().is_some_and(|block| layer < block.layers));
        trace.map_or(0, |trace| trace.trace.heads(self.selection.block, layer))
    }

    /// Another layer; where it lacks the selected head, the mean of those that it has.
    pub(in crate::app) fn select_layer(&mut self, layer: Pick) {
        if let (Pick::One(layer), Pick::One(head)) = (layer, self.selection.head)
            && head >= self.heads(layer)
        {
            self.selection.head = Pick::Mean;
        }
        self.selection.layer = layer;
    }

    /// Another head, unless the selected layer lacks it.
    pub(in crate::app) fn select_head(&mut self, head: Pick) {
        match (self.selection.layer, head) {
            (Pick::One(layer), Pick::One(head)) if head >= self.heads(layer) => {}
            _ => self.selection.head = head,
        }
    }

    /// The selection with these tokens of a sequence, which turns the direction if it is the block's other side. Tokens
    /// that do not exist are left out; a sequence that is on neither side changes nothing.
    pub(in crate::app) fn with_tokens(&self, sequence: usize, tokens: &[usize], extend: bool) -> Selection {
        let mut selection = self.selection.clone();
        let Some(trace) = &self.trace else { return selection };
        let is_foreign = self.block().is_some_and(|block| ![block.query, block.key].contains(&sequence));
        if is_foreign || !self.turn_to(&mut selection, sequence) {
            return selection;
        }
        if !extend {
            selection.tokens.clear();
        }
        let count = trace.document().sequences[sequence].tokens.len();
        let mut is_selected = vec![false; count];
        selection.tokens.iter().filter(|&&token| token < count).for_each(|&token| is_selected[token] = true);
        let is_new = |&token: &usize| token < count && !std::mem::replace(&mut is_selected[token], true);
        selection.tokens.extend(tokens.iter().copied().filter(is_new));
        selection
    }

    pub(in crate::app) fn set_preview(&mut self, target: Option<Target>) {
        let is_shown =
            |target: &&Target| !matches!(target, Target::State { .. } | Target::Frame { .. } | Target::Pin { .. });
        let selects = target.as_ref().filter(is_shown);
        self.preview = selects.map(|target| self.selected_by(target, false));
        let is_taken_away = |preview: &Selection| preview.tokens.is_empty() && !self.selection.tokens.is_empty();
        if self.preview.as_ref().is_some_and(is_taken_away) {
            // A click on the one selected token takes it away; to hover over it shows it.
            self.preview = None;
        }
        self.hover = target;
        self.is_hover_previewed = true;
    }

    pub(in crate::app) fn point(&mut self, target: Option<Target>) {
        self.hover = target;
        self.preview = None;
        self.is_hover_previewed = false;
    }

    /// After another selection: what is under the pointer is shown of that one. What was chosen now is shown, though the pointer
    /// rests on another: a key that moves to another head ends the preview of a head, playing through tokens that of a token.
    pub(in crate::app) fn renew_preview(&mut self, before: &Selection) {
        let Some(target) = self.hover.filter(|_| self.preview.is_some()) else { return };
        let now = &self.selection;
        let is_other_head = (before.layer, before.head) != (now.layer, now.head);
        let are_other_tokens = (before.direction, &before.tokens) != (now.direction, &now.tokens);
        let is_chosen_now = before.block != now.block
            || (is_other_head && target.selects_heads())
            || (are_other_tokens && target.selects_tokens());
        if is_chosen_now {
            self.preview = None;
        } else {
            self.set_preview(Some(target));
        }
    }

    /// Tokens of this sequence are to be selected: where the direction has them on the other side, it turns. Whether they can be.
    fn turn_to(&self, selection: &mut Selection, sequence: usize) -> bool {
        let Some(block) = self.block() else {
            let document = self.trace.as_ref().map(|trace| trace.document());
            return document.is_some_and(|document| selection.sequence(document) == Some(sequence));
        };
        let (own, other) = match selection.direction {
            Direction::AttendsTo => (block.query, Direction::AttendedBy),
            Direction::AttendedBy => (block.key, Direction::AttendsTo),
        };
        if own != sequence {
            selection.direction = other;
            selection.tokens.clear();
        }
        true
    }

    pub(in crate::app) fn set_direction(&mut self, direction: Direction) {
        let is_cross = self.block().is_some_and(|block| block.query != block.key);
        if is_cross && direction != self.selection.direction {
            self.selection.tokens.clear();
        }
        self.selection.direction = direction;
    }
}

fn toggle(tokens: &mut Vec<usize>, token: usize, extend: bool) {
    if !extend {
        *tokens = if *tokens == [token] { Vec::new() } else { vec![token] };
    } else if let Some(place) = tokens.iter().position(|&other| other == token) {
        tokens.remove(place);
    } else {
        tokens.push(token);
    }
}
