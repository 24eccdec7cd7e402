//! The one table of statistics: window, command line, index and docs read it.

/// Who defined a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// VL-InterpreT's, quirks included ([`super::vl_interpret`]).
    VlInterpret,
    /// Our own: in plain units, aware of the mask, special tokens in or out.
    Vlscope,
}

/// What there is to know of a statistic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistic {
    /// As files and the command line write it.
    pub name: &'static str,
    /// As the window writes it.
    pub label: &'static str,
    /// Who defined it.
    pub group: Group,
    /// What `a[q, k]`, the weight of query q on key k, is turned into.
    pub formula: &'static str,
    /// Of the value: empty for a bare number.
    pub unit: &'static str,
    /// The smallest and the largest possible value.
    pub range: [f32; 2],
    /// What a high value means.
    pub high: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
}

impl Group {
    /// As the window writes it.
    pub fn label(self) -> &'static str {
        match self {
            Self::VlInterpret => "VL-InterpreT",
            Self::Vlscope => "vlscope",
        }
    }
}

/// The statistic of that name.
pub fn statistic(name: &str) -> Option<&'static Statistic> {
    TABLE.iter().find(|statistic| statistic.name == name)
}

const fn vli(name: &'static str, label: &'static str, formula: &'static str, high: &'static str) -> Statistic {
    Statistic {
        name,
        label,
        group: Group::VlInterpret,
        formula,
        unit: "standard deviations",
        range: [f32::NEG_INFINITY, f32::INFINITY],
        high,
        source: "Aflalo et al. 2022, arXiv 2203.17247",
    }
}

const fn share(
    name: &'static str,
    label: &'static str,
    formula: &'static str,
    high: &'static str,
    source: &'static str,
) -> Statistic {
    Statistic { name, label, group: Group::Vlscope, formula, unit: "share", range: [0.0, 1.0], high, source }
}

const MASS: &str = "the attention mass of Clark et al. 2019, arXiv 1906.04341, by modality";

/// Every statistic, in the order in which they are shown.
pub static TABLE: [Statistic; 20] = [
    vli("vli.image_to_text", "Image → text", "z(mean of a over text queries, image keys)", "text reads from the image"),
    vli("vli.text_to_image", "Text → image", "z(mean of a over image queries, text keys)", "the image reads from text"),
    vli("vli.image_to_image", "Image → image", "z(mean of a over image queries, image keys)", "patches read patches"),
    vli(
        "vli.image_to_image_without_self",
        "Image → image without self",
        "z(mean of a over image queries, image keys, with a = 0 where |i − j| ≤ 1 in flat patch order)",
        "patches read patches that are not their neighbours",
    ),
    vli("vli.text_to_text", "Text → text", "z(mean of a over text queries, text keys)", "text reads text"),
    vli(
        "vli.cross_modal",
        "Cross-modal",
        "z(vli.image_to_text + vli.text_to_image)",
        "information crosses between text and image",
    ),
    vli(
        "vli.intra_modal",
        "Intra-modal",
        "z(vli.image_to_image + vli.image_to_image_without_self)",
        "information stays within the image",
    ),
    share("mass.text.text", "Text on text", "mean over text q of Σ over text k of a", "text attends to text", MASS),
    share(
        "mass.text.image",
        "Text on image",
        "mean over text q of Σ over image k of a",
        "text attends to the image",
        MASS,
    ),
    share(
        "mass.image.text",
        "Image on text",
        "mean over image q of Σ over text k of a",
        "the image attends to text",
        MASS,
    ),
    share(
        "mass.image.image",
        "Image on image",
        "mean over image q of Σ over image k of a",
        "the image attends to the image",
        MASS,
    ),
    Statistic {
        name: "entropy",
        label: "Entropy",
        group: Group::Vlscope,
        formula: "mean over q of −Σ over k of p ln p, with p = a / Σ over k of a",
        unit: "nats",
        range: [0.0, f32::INFINITY],
        high: "attention is spread over many keys",
        source: "Shannon 1948; for heads: Clark et al. 2019, arXiv 1906.04341",
    },
    share(
        "entropy_relative",
        "Entropy, relative",
        "mean over q of (−Σ over k of p ln p) / ln n, with n the number of keys that q sees",
        "attention is spread evenly over all visible keys",
        "Shannon 1948 ('relative entropy' of a source)",
    ),
    share(
        "max",
        "Largest weight",
        "mean over q of max over k of a",
        "each query picks one key",
        "'confidence' of Voita et al. 2019, arXiv 1905.09418",
    ),
    share(
        "hoyer",
        "Hoyer sparsity",
        "mean over q of (√n − ‖a‖₁ / ‖a‖₂) / (√n − 1), with n the number of keys that q sees",
        "few keys get all the attention",
        "Hoyer 2004, JMLR 5",
    ),
    share(
        "sink",
        "Sink",
        "max over k of (Σ over q of a) / (Σ over q and k of a)",
        "most queries attend to one and the same key",
        "after the attention sinks of Xiao et al. 2024, arXiv 2309.17453",
    ),
    share(
        "diagonal",
        "Diagonal",
        "mean over q of a[q, q]",
        "tokens attend to themselves",
        "Clark et al. 2019, arXiv 1906.04341",
    ),
    share(
        "previous",
        "Previous token",
        "mean over q of a[q, q − 1]",
        "tokens attend to the token before them",
        "Clark et al. 2019, arXiv 1906.04341",
    ),
    Statistic {
        name: "distance",
        label: "Distance",
        group: Group::Vlscope,
        formula: "mean over image q of (Σ over k of a d) / (Σ over k of a), with k the image keys on the image of q \
                  and d the distance between the middles of their boxes",
        unit: "image widths",
        range: [0.0, f32::INFINITY],
        high: "patches look far across the image",
        source: "'attention distance' of Dosovitskiy et al. 2021, arXiv 2010.11929, in two dimensions",
    },
    share(
        "region",
        "Inside regions",
        "(Σ over q and image k of a o) / (Σ over q and image k of a), with o the share of the box of k inside \
         labelled regions",
        "attention to the image falls on what is labelled",
        "'pointing' of attention at annotated boxes, weighted by overlap; ours",
    ),
];
