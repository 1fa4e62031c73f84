//! One reading of the file: where things stand, what was found wrong, what surrounds it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::fault::Fault;

/// Where references point to: the file's folder and the environment.
pub(super) struct Surroundings<'a> {
    pub folder: PathBuf,
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl Surroundings<'static> {
    pub(super) fn of_process(path: &Path) -> Self {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        Self { folder, variable: &|name| std::env::var(name).ok() }
    }
}

/// Collects faults while the sections are read.
pub(super) struct Reading<'a> {
    file: PathBuf,
    text: &'a str,
    surroundings: Surroundings<'a>,
    faults: RefCell<Vec<Fault>>,
    warnings: RefCell<Vec<Fault>>,
    /// Where each key's value stands, by its dotted name.
    places: RefCell<BTreeMap<String, Range<usize>>>,
    /// A secret stands in clear in the file itself, here first.
    clear_secret: RefCell<Option<Range<usize>>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &Path, text: &'a str, surroundings: Surroundings<'a>) -> Self {
        Self {
            file: file.to_owned(),
            text,
            surroundings,
            faults: RefCell::default(),
            warnings: RefCell::default(),
            places: RefCell::default(),
            clear_secret: RefCell::default(),
        }
    }

    pub(super) fn fault(&self, at: &Range<usize>, what: impl Into<String>, cure: impl Into<String>) {
        let fault = self.describe(at, what.into(), cure.into());
        self.faults.borrow_mut().push(fault);
    }

    pub(super) fn warn(&self, at: &Range<usize>, what: impl Into<String>, cure: impl Into<String>) {
        let warning = self.describe(at, what.into(), cure.into());
        self.warnings.borrow_mut().push(warning);
    }

    /// The parser's own findings. Its messages quote no text of the file.
    pub(super) fn syntax(&self, errors: &[toml::de::Error]) {
        for error in errors {
            let at = error.span().unwrap_or(0..0);
            self.fault(&at, format!("not valid TOML: {}", error.message()), "correct this line");
        }
    }

    pub(super) fn remember(&self, name: String, at: Range<usize>) {
        self.places.borrow_mut().insert(name, at);
    }

    /// Where the value of a key stands; of the nearest table above it when the key is absent.
    pub(super) fn place(&self, name: &str) -> Range<usize> {
        let places = self.places.borrow();
        let mut name = name;
        loop {
            if let Some(at) = places.get(name) {
                return at.clone();
            }
            match name.rsplit_once('.') {
                Some((above, _)) => name = above,
                None => return 0..0,
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.places.borrow().contains_key(name)
    }

    pub(super) fn found_clear_secret(&self, at: &Range<usize>) {
        self.clear_secret.borrow_mut().get_or_insert_with(|| at.clone());
    }

    pub(super) fn clear_secret(&self) -> Option<Range<usize>> {
        self.clear_secret.borrow().clone()
    }

    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.surroundings.variable)(name)
    }

    /// A path of the file, which is relative to the file's folder.
    pub(super) fn path(&self, text: &str) -> PathBuf {
        self.surroundings.folder.join(text)
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_inner()
    }

    /// Faults and warnings; the latter sorted by line.
    pub(super) fn finish(self) -> (Vec<Fault>, Vec<Fault>) {
        let mut warnings = self.warnings.into_inner();
        warnings.sort_by_key(|w| (w.line, w.column));
        (self.faults.into_inner(), warnings)
    }

    fn describe(&self, at: &Range<usize>, what: String, cure: String) -> Fault {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |start| start.chars().count()) + 1;
        Fault { file: self.file.clone(), line, column, what, cure }
    }
}
