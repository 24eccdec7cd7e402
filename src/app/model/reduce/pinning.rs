//! Pins: set, taken away, gone to.

use crate::analysis::{Pick, Pin, Selection};
use crate::app::model::effect::Effect;
use crate::app::model::pins::PinCommand;
use crate::app::model::state::State;
use crate::export::check_selection;
use crate::view::View;

impl State {
    pub(in crate::app) fn change_pins(&mut self, command: PinCommand) -> Option<Effect> {
        let trace = self.trace.clone()?;
        let document = trace.document();
        match command {
            PinCommand::Selection => self.toggle_pin(Pin::of(document, &self.selection)),
            PinCommand::SelectedHeads => self.toggle_pin(Pin::of_heads(document, &self.selection)),
            PinCommand::Head { layer, head } => {
                let of_head = Selection { layer: Pick::One(layer), head: Pick::One(head), ..self.selection.clone() };
                let pin = Pin::of_heads(document, &of_head);
                if self.options.pins.contains(&pin) { None } else { self.toggle_pin(pin) }
            }
            PinCommand::GoTo(pin) => {
                self.selection = self.pinned(pin)?;
                None
            }
            PinCommand::PutFirst(pin) if pin < self.options.pins.len() => {
                self.options.pins[..=pin].rotate_right(1);
                None
            }
            PinCommand::Remove(pin) if pin < self.options.pins.len() => {
                self.options.pins.remove(pin);
                None
            }
            PinCommand::PutFirst(_) | PinCommand::Remove(_) => None,
            PinCommand::Clear => {
                self.options.pins.clear();
                None
            }
        }
    }

    /// Where it is new, the panel that compares it comes to the front.
    fn toggle_pin(&mut self, pin: Pin) -> Option<Effect> {
        match self.options.pins.iter().position(|known| *known == pin) {
            Some(place) => {
                self.options.pins.remove(place);
                None
            }
            None => {
                self.options.pins.push(pin);
                Some(Effect::FocusView(View::Pins))
            }
        }
    }

    /// What a pin shows; `None` if there is no such pin.
    pub(in crate::app) fn pinned(&self, pin: usize) -> Option<Selection> {
        let trace = self.trace.as_ref()?;
        self.options.pins.get(pin)?.selection(trace.document(), &self.selection).ok()
    }

    /// After another trace was opened: those that it has.
    pub(in crate::app) fn keep_pins(&mut self) {
        let Some(trace) = &self.trace else { return };
        let has = |pin: &Pin| {
            let selection = pin.selection(trace.document(), &self.selection);
            selection.is_ok_and(|selection| check_selection(&trace.trace, &selection).is_ok())
        };
        let mut pins = std::mem::take(&mut self.options.pins);
        pins.retain(has);
        self.options.pins = pins;
    }
}
