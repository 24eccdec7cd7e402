//! The one table of statistics: the pass, window, command line, index and docs read it.

use super::need::Need;
use super::parts::Part;
use super::sums::{
    DIAGONAL, DIAGONAL_ROWS, DISTANCE, DISTANCE_ROWS, ENTROPY, ENTROPY_ROWS, HOYER, Head, LARGEST, LARGEST_ROWS, MASS,
    MASS_ROWS, PREVIOUS, PREVIOUS_ROWS, REGION, RELATIVE, RELATIVE_ROWS, STRONGEST, VLI, VLI_WITHOUT_SELF,
};
use super::z_score::Rounding;
use crate::trace::Modality::{Image, Text};

/// Who defined a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// VL-InterpreT's, quirks included ([`super::vl_interpret`]).
    VlInterpret,
    /// Our own: in plain units, aware of the mask, special tokens in or out.
    Vlscope,
}

/// What there is to know of a statistic.
#[derive(Clone, Copy, Debug)]
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
    /// The same as [`Self::formula`], of the sums of a head. VL-InterpreT's are the means that are z-scored.
    pub value: fn(&Head<'_>) -> f64,
    /// What of the pass it is made of.
    pub part: Part,
    /// What a block needs to have a value of it.
    pub needs: Need,
    /// What of the value is rounding.
    pub rounding: Rounding,
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

/// What VL-InterpreT's have in common.
const VL_INTERPRET: Statistic = Statistic {
    name: "",
    label: "",
    group: Group::VlInterpret,
    formula: "",
    unit: "standard deviations",
    range: [f32::NEG_INFINITY, f32::INFINITY],
    high: "",
    source: "Aflalo et al. 2022, arXiv 2203.17247",
    value: |_| f64::NAN,
    part: Part::VlInterpret,
    needs: Need::VlInterpret,
    rounding: Rounding::SUBTRACTED,
};

/// What our own shares of attention have in common.
const SHARE: Statistic = Statistic {
    name: "",
    label: "",
    group: Group::Vlscope,
    formula: "",
    unit: "share",
    range: [0.0, 1.0],
    high: "",
    source: "",
    value: |_| f64::NAN,
    part: Part::Always,
    needs: Need::Weights,
    rounding: Rounding::SUMMED,
};

const MASS_OF_CLARK: Statistic =
    Statistic { source: "the attention mass of Clark et al. 2019, arXiv 1906.04341, by modality", ..SHARE };
const CLARK: &str = "Clark et al. 2019, arXiv 1906.04341";

/// Every statistic, in the order in which they are shown.
pub static TABLE: [Statistic; 20] = [
    Statistic {
        name: "vli.image_to_text",
        label: "Image → text",
        formula: "z(mean of a over text queries, image keys)",
        high: "text reads from the image",
        value: |head| head.vli_mean(VLI + 1, [0, 1]),
        ..VL_INTERPRET
    },
    Statistic {
        name: "vli.text_to_image",
        label: "Text → image",
        formula: "z(mean of a over image queries, text keys)",
        high: "the image reads from text",
        value: |head| head.vli_mean(VLI + 2, [1, 0]),
        ..VL_INTERPRET
    },
    Statistic {
        name: "vli.image_to_image",
        label: "Image → image",
        formula: "z(mean of a over image queries, image keys)",
        high: "patches read patches",
        value: |head| head.vli_mean(VLI + 3, [1, 1]),
        ..VL_INTERPRET
    },
    Statistic {
        name: "vli.image_to_image_without_self",
        label: "Image → image without self",
        formula: "z(mean of a over image queries, image keys, with a = 0 where |i − j| ≤ 1 in flat patch order)",
        high: "patches read patches that are not their neighbours",
        value: |head| head.vli_mean(VLI_WITHOUT_SELF, [1, 1]),
        ..VL_INTERPRET
    },
    Statistic {
        name: "vli.text_to_text",
        label: "Text → text",
        formula: "z(mean of a over text queries, text keys)",
        high: "text reads text",
        value: |head| head.vli_mean(VLI, [0, 0]),
        ..VL_INTERPRET
    },
    // The last two are made of the others' z-scores: vl_interpret::standardize.
    Statistic {
        name: "vli.cross_modal",
        label: "Cross-modal",
        formula: "z(vli.image_to_text + vli.text_to_image)",
        high: "information crosses between text and image",
        ..VL_INTERPRET
    },
    Statistic {
        name: "vli.intra_modal",
        label: "Intra-modal",
        formula: "z(vli.image_to_image + vli.image_to_image_without_self)",
        high: "information stays within the image",
        ..VL_INTERPRET
    },
    Statistic {
        name: "mass.text.text",
        label: "Text on text",
        formula: "mean over text q of Σ over text k of a",
        high: "text attends to text",
        value: |head| head.mean(MASS, MASS_ROWS),
        needs: Need::Pair(Text, Text),
        ..MASS_OF_CLARK
    },
    Statistic {
        name: "mass.text.image",
        label: "Text on image",
        formula: "mean over text q of Σ over image k of a",
        high: "text attends to the image",
        value: |head| head.mean(MASS + 1, MASS_ROWS + 1),
        needs: Need::Pair(Text, Image),
        ..MASS_OF_CLARK
    },
    Statistic {
        name: "mass.image.text",
        label: "Image on text",
        formula: "mean over image q of Σ over text k of a",
        high: "the image attends to text",
        value: |head| head.mean(MASS + 2, MASS_ROWS + 2),
        needs: Need::Pair(Image, Text),
        ..MASS_OF_CLARK
    },
    Statistic {
        name: "mass.image.image",
        label: "Image on image",
        formula: "mean over image q of Σ over image k of a",
        high: "the image attends to the image",
        value: |head| head.mean(MASS + 3, MASS_ROWS + 3),
        needs: Need::Pair(Image, Image),
        ..MASS_OF_CLARK
    },
    Statistic {
        name: "entropy",
        label: "Entropy",
        formula: "mean over q of −Σ over k of p ln p, with p = a / Σ over k of a",
        unit: "nats",
        range: [0.0, f32::INFINITY],
        high: "attention is spread over many keys",
        source: "Shannon 1948; for heads: Clark et al. 2019, arXiv 1906.04341",
        value: |head| head.mean(ENTROPY, ENTROPY_ROWS),
        part: Part::Shape,
        rounding: Rounding::SUBTRACTED,
        ..SHARE
    },
    Statistic {
        name: "entropy_relative",
        label: "Entropy, relative",
        formula: "mean over q of (−Σ over k of p ln p) / ln n, with n the number of keys that q sees",
        high: "attention is spread evenly over all visible keys",
        source: "Shannon 1948 ('relative entropy' of a source)",
        value: |head| head.mean(RELATIVE, RELATIVE_ROWS),
        part: Part::Shape,
        rounding: Rounding::SUBTRACTED,
        ..SHARE
    },
    Statistic {
        name: "max",
        label: "Largest weight",
        formula: "mean over q of max over k of a",
        high: "each query picks one key",
        source: "'confidence' of Voita et al. 2019, arXiv 1905.09418",
        value: |head| head.mean(LARGEST, LARGEST_ROWS),
        part: Part::Shape,
        ..SHARE
    },
    Statistic {
        name: "hoyer",
        label: "Hoyer sparsity",
        formula: "mean over q of (√n − ‖a‖₁ / ‖a‖₂) / (√n − 1), with n the number of keys that q sees",
        high: "few keys get all the attention",
        source: "Hoyer 2004, JMLR 5",
        value: |head| head.mean(HOYER, RELATIVE_ROWS),
        part: Part::Shape,
        rounding: Rounding::SUBTRACTED,
        ..SHARE
    },
    Statistic {
        name: "sink",
        label: "Sink",
        formula: "max over k of (Σ over q of a) / (Σ over q and k of a)",
        high: "most queries attend to one and the same key",
        source: "after the attention sinks of Xiao et al. 2024, arXiv 2309.17453",
        value: |head| head.share(STRONGEST, &[MASS, MASS + 1, MASS + 2, MASS + 3]),
        part: Part::Columns,
        ..SHARE
    },
    Statistic {
        name: "diagonal",
        label: "Diagonal",
        formula: "mean over q of a[q, q]",
        high: "tokens attend to themselves",
        source: CLARK,
        value: |head| head.mean(DIAGONAL, DIAGONAL_ROWS),
        needs: Need::SelfAttention(0),
        ..SHARE
    },
    Statistic {
        name: "previous",
        label: "Previous token",
        formula: "mean over q of a[q, q − 1]",
        high: "tokens attend to the token before them",
        source: CLARK,
        value: |head| head.mean(PREVIOUS, PREVIOUS_ROWS),
        needs: Need::SelfAttention(1),
        ..SHARE
    },
    Statistic {
        name: "distance",
        label: "Distance",
        formula: "mean over image q of (Σ over k of a d) / (Σ over k of a), with k the image keys on the image of q \
                  and d the distance between the centres of their boxes",
        unit: "image widths",
        range: [0.0, f32::INFINITY],
        high: "patches look far across the image",
        source: "'attention distance' of Dosovitskiy et al. 2021, arXiv 2010.11929, in two dimensions",
        value: |head| head.mean(DISTANCE, DISTANCE_ROWS),
        part: Part::Distance,
        needs: Need::Pair(Image, Image),
        ..SHARE
    },
    Statistic {
        name: "region",
        label: "Inside regions",
        formula: "(Σ over q and image k of a o) / (Σ over q and image k of a), with o the share of the box of k inside \
                  labelled regions",
        high: "attention to the image falls on what is labelled",
        source: "'pointing' of attention at annotated boxes, weighted by overlap; ours",
        value: |head| head.share(REGION, &[MASS + 1, MASS + 3]),
        part: Part::Region,
        needs: Need::Regions,
        ..SHARE
    },
];
