//! Every formula of the capacity model by itself, with its inputs by name: the back-of-envelope calculator.
//!
//! The planner and the calculator call the same functions, so a figure of a plan can be checked by hand.
//! Must never answer with something that is not a number, and never take longer than a second.

mod table;

pub use table::FORMULAE;

/// What an input may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Domain {
    /// A whole number between two bounds, both included.
    Whole(f64, f64),
    /// Any number between two bounds, both included.
    Between(f64, f64),
    /// Above zero, up to a bound.
    Above0(f64),
}

impl Domain {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::Whole(low, high) => value.fract() == 0.0 && (low..=high).contains(&value),
            Self::Between(low, high) => (low..=high).contains(&value),
            Self::Above0(high) => value > 0.0 && value <= high,
        }
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(low, high) => write!(f, "a whole number from {low} to {high}"),
            Self::Between(low, high) => write!(f, "a number from {low} to {high}"),
            Self::Above0(high) => write!(f, "a number above 0, up to {high}"),
        }
    }
}

/// An input of a formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// Its name, as in `name=value`.
    pub name: &'static str,
    /// What it is, with its unit.
    pub meaning: &'static str,
    /// What it may be.
    pub domain: Domain,
}

/// A formula with a name.
#[derive(Clone, Copy, Debug)]
pub struct Formula {
    /// The quantity that it gives.
    pub name: &'static str,
    /// What that is.
    pub meaning: &'static str,
    /// Unit of the value.
    pub unit: &'static str,
    /// The formula as one would write it.
    pub formula: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// Its inputs, in the order in which [`Formula::compute`] takes them.
    pub inputs: &'static [Input],
    /// Pairs of inputs of which the first must not be above the second.
    pub at_most: &'static [(&'static str, &'static str)],
    /// Computes it; the inputs are within their domains.
    pub compute: fn(&[f64]) -> f64,
}

/// Why nothing was computed.
#[derive(thiserror::Error, Clone, Debug, PartialEq)]
pub enum CalcError {
    /// No formula has that name.
    #[error("there is no formula for {0}; {hint}", hint = did_you_mean(.1))]
    UnknownQuantity(String, Vec<&'static str>),
    /// An input that the formula does not have.
    #[error("{quantity} has no input {input}; it takes {takes}")]
    UnknownInput {
        /// The formula.
        quantity: &'static str,
        /// What was given.
        input: String,
        /// What it takes.
        takes: String,
    },
    /// An input is missing.
    #[error("{quantity} needs {input}={domain} ({meaning})")]
    Missing {
        /// The formula.
        quantity: &'static str,
        /// The input.
        input: &'static str,
        /// What it may be.
        domain: Domain,
        /// What it is.
        meaning: &'static str,
    },
    /// An input was given more than once.
    #[error("{0} is given twice")]
    Twice(String),
    /// An input outside its domain.
    #[error("{input} is {value}; it must be {domain} ({meaning})")]
    OutOfDomain {
        /// The input.
        input: &'static str,
        /// What was given.
        value: f64,
        /// What it may be.
        domain: Domain,
        /// What it is.
        meaning: &'static str,
    },
    /// An input is above one that bounds it.
    #[error("{0} must not be above {1}")]
    Above(&'static str, &'static str),
    /// The formula has no finite value there, as a queue at full use.
    #[error("{quantity} has no finite value with {given}: {formula}")]
    Unbounded {
        /// What was asked for.
        quantity: &'static str,
        /// The inputs, as they were given.
        given: String,
        /// How it is computed.
        formula: &'static str,
    },
}

fn did_you_mean(close: &[&'static str]) -> String {
    if close.is_empty() {
        "'scaledapp calc' lists all".to_owned()
    } else {
        format!("did you mean {}?", close.join(", "))
    }
}

/// The formula of that name.
///
/// # Errors
/// [`CalcError::UnknownQuantity`], with names that share a word with it.
pub fn formula(name: &str) -> Result<&'static Formula, CalcError> {
    FORMULAE.iter().find(|formula| formula.name == name).ok_or_else(|| {
        let words: Vec<&str> = name.split('_').filter(|word| word.len() > 2).collect();
        let close = |known: &&Formula| words.iter().any(|word| known.name.split('_').any(|other| other == *word));
        let close = FORMULAE.iter().filter(close).map(|known| known.name).take(5).collect();
        CalcError::UnknownQuantity(name.to_owned(), close)
    })
}

impl Formula {
    /// Computes the quantity from inputs by name.
    ///
    /// # Errors
    /// An input that is missing, unknown, given twice or outside its domain, or a value that is not finite.
    pub fn value(&self, given: &[(String, f64)]) -> Result<f64, CalcError> {
        for (index, (name, _)) in given.iter().enumerate() {
            if !self.inputs.iter().any(|input| input.name == name) {
                let takes: Vec<&str> = self.inputs.iter().map(|input| input.name).collect();
                let (input, takes) = (name.clone(), takes.join(", "));
                return Err(CalcError::UnknownInput { quantity: self.name, input, takes });
            }
            if given[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(CalcError::Twice(name.clone()));
            }
        }
        let inputs = self.inputs.iter().map(|input| self.taken(input, given)).collect::<Result<Vec<f64>, _>>()?;
        let of = |name: &str| self.inputs.iter().zip(&inputs).find(|(input, _)| input.name == name).map(|(_, v)| *v);
        if let Some((low, high)) = self.at_most.iter().find(|(low, high)| of(low) > of(high)) {
            return Err(CalcError::Above(low, high));
        }
        let value = (self.compute)(&inputs);
        if value.is_finite() {
            return Ok(value);
        }
        let given: Vec<String> = given.iter().map(|(name, value)| format!("{name}={value}")).collect();
        Err(CalcError::Unbounded { quantity: self.name, given: given.join(", "), formula: self.formula })
    }

    fn taken(&self, input: &Input, given: &[(String, f64)]) -> Result<f64, CalcError> {
        let Input { name, meaning, domain } = *input;
        let Some(&(_, value)) = given.iter().find(|(given, _)| given == name) else {
            return Err(CalcError::Missing { quantity: self.name, input: name, domain, meaning });
        };
        if domain.holds(value) {
            Ok(value)
        } else {
            Err(CalcError::OutOfDomain { input: name, value, domain, meaning })
        }
    }
}
