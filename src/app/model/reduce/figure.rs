//! Commands about the figure of several panels.

use crate::app::model::effect::Effect;
use crate::app::model::figure::{FigureCommand, FigureDraft};
use crate::app::model::state::State;

impl State {
    pub(super) fn change_figure(&mut self, command: FigureCommand) -> Option<Effect> {
        let FigureDraft { is_shown, panels, figure } = &mut self.figure;
        match command {
            FigureCommand::Show(shows) => *is_shown = shows,
            FigureCommand::Add(view) => return Some(Effect::AddToFigure(view)),
            FigureCommand::Remove(panel) if panel < panels.len() => {
                panels.remove(panel);
            }
            FigureCommand::Move { panel, by } => {
                let to = panel.saturating_add_signed(by);
                if panel < panels.len() && to < panels.len() {
                    let moved = panels.remove(panel);
                    panels.insert(to, moved);
                }
            }
            FigureCommand::Remove(_) => {}
            FigureCommand::Clear => panels.clear(),
            FigureCommand::Set(chosen) => *figure = chosen,
            FigureCommand::Save(format) => return Some(Effect::SaveFigure(format)),
            FigureCommand::CopyCommand => return Some(Effect::CopyFigureCommand),
        }
        None
    }
}
