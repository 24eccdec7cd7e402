//! Letters can be read on what they lie on, and names come out as people write them.

use clap::ValueEnum as _;
use vlscope::trace::{Area, Token};
use vlscope::view::{Theme, View, contrast, token_names, word};

#[test]
fn letters_have_a_contrast_of_at_least_four_and_a_half() {
    for theme in Theme::ALL {
        let p = theme.palette();
        let letters = [p.text, p.muted, p.selected_text, p.word, p.patch, p.special, p.right, p.wrong, p.output];
        for (index, letter) in letters.into_iter().enumerate() {
            for under in [p.background, p.surface] {
                let ratio = contrast(letter, under);
                assert!(ratio >= 4.5, "{theme}: letter colour {index} has {ratio:.2}");
            }
        }
        // Signs that are no letters (WCAG 2.2, 1.4.11 asks for 3; amber on white is always framed in black).
        assert!(contrast(p.selected, p.background) >= 2.5);
        assert!(contrast(p.missing_stroke, p.missing) >= 1.4);
    }
}

#[test]
fn names_are_parsed_back() {
    for view in View::all() {
        assert_eq!(view.name().parse::<View>().map_err(|error| error.to_string()), Ok(view));
    }
    assert!("head".parse::<View>().is_err_and(|error| error.to_string().contains("embedding")));
    assert_eq!(Theme::from_str("light", false), Ok(Theme::Light));
    assert!(Theme::from_str("grey", false).is_err());
}

#[test]
fn words_lose_the_marks_of_their_tokenizers() {
    for (token, expected) in [
        ("##ing", "ing"),
        ("##", "##"),
        ("Ġred", "red"),
        ("▁red", "red"),
        ("▁", "(space)"),
        ("", "(empty)"),
        ("Ċ", "\\n"),
        ("low</w>", "low"),
        ("日本語", "日本語"),
        ("a\u{0}b", "ab"),
        ("[CLS]", "[CLS]"),
    ] {
        assert_eq!(word(token), expected, "{token:?}");
    }
}

#[test]
fn patches_are_named_by_their_place() {
    let token = |x0: f32, y0: f32, side: f32, image: usize| {
        Token::of_image(image, Area { x0, y0, x1: x0 + side, y1: y0 + side })
    };
    let two_by_two =
        [token(0.0, 0.0, 0.5, 0), token(0.5, 0.0, 0.5, 0), token(0.0, 0.5, 0.5, 0), token(0.0, 0.0, 1.0, 0)];
    assert_eq!(
        token_names(&two_by_two),
        ["patch (row 0, column 0)", "patch (row 0, column 1)", "patch (row 1, column 0)", "[image]"]
    );
    let boxes = [token(0.1, 0.2, 0.3, 0), token(0.5, 0.0, 0.5, 1)];
    assert_eq!(token_names(&boxes), ["image 0 box 0", "image 1 patch (row 0, column 1)"]);
}
