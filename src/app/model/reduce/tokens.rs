//! What the commands about the token atlas change.

use std::sync::Arc;

use crate::analysis::Selection;
use crate::app::model::effect::Effect;
use crate::app::model::state::State;
use crate::app::model::tokens::{NearTokens, TokenCommand};
use crate::trace::Block;
use crate::view::Target;

impl State {
    /// Carries out a command about the token atlas.
    pub(in crate::app) fn change_tokens(&mut self, command: &TokenCommand) -> Option<Effect> {
        let panel = &mut self.tokens;
        panel.version += 1;
        match *command {
            TokenCommand::Focus => return Some(Effect::FocusTokens),
            TokenCommand::SetState(state) => panel.state = Some(state),
            TokenCommand::SetColor(color) => panel.color = color,
            TokenCommand::SetView(view) => panel.view = view,
            TokenCommand::SetLasso(lasso) => panel.lasso = lasso,
            TokenCommand::Forget => panel.near = None,
            TokenCommand::Cancel => panel.is_cancelled = true,
            TokenCommand::Open(token) => {
                let shown = Arc::clone(panel.shown.as_ref()?);
                if panel.near.as_ref().is_none_or(|near| near.token != token) {
                    let found = Err("looking for the nearest tokens …".to_owned());
                    panel.near = Some(Arc::new(NearTokens { token, found, places: vec![token] }));
                }
                let tokens = &shown.atlas.tokens;
                let row = shown.rows[tokens.example[token] as usize]?;
                let sequence = tokens.sequences[tokens.sequence[token] as usize].clone();
                let path = self.examples.get(row)?.clone();
                self.awaited_token = Some((path, sequence, tokens.position[token] as usize));
                self.select_awaited_token();
                return if self.awaited_token.is_some() { self.show_example(row) } else { None };
            }
        }
        None
    }

    /// Selects the token that was asked for, if its trace is the one that is shown.
    pub(in crate::app) fn select_awaited_token(&mut self) {
        let Some(trace) = self.trace.clone() else { return };
        let is_here = self.awaited_token.as_ref().is_some_and(|(path, ..)| path == trace.trace.path());
        let Some((_, name, token)) = self.awaited_token.take_if(|_| is_here) else { return };
        let document = trace.document();
        let Some(sequence) = document.sequences.iter().position(|sequence| sequence.name == name) else { return };
        let holds = |block: &Block| block.query == sequence || block.key == sequence;
        if !self.block().is_some_and(holds) {
            let Some(block) = document.attention.iter().position(holds) else { return };
            self.select_block(block);
        }
        let bare = Selection { tokens: Vec::new(), ..self.selection.clone() };
        self.selection = bare;
        self.selection = self.selected_by(&Target::Token { sequence, token }, false);
    }
}
