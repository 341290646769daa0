//! A crontab's lines: jobs under their `#Ansible: ` comments, and variables. Text only; nothing is read or written here.

/// Stands before the name of a job.
const MARK: &str = "#Ansible: ";

/// A crontab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    lines: Vec<String>,
}

/// Where a variable goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before everything else.
    First,
    /// Behind the variable of this name.
    After(String),
    /// In front of the variable of this name.
    Before(String),
}

impl Table {
    /// The lines of a text.
    pub fn parse(text: &str) -> Table {
        Table { lines: text.lines().map(str::to_owned).collect() }
    }

    /// The text, with a newline at its end.
    pub fn render(&self) -> String {
        let text = self.lines.join("\n");
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() && self.lines.iter().all(String::is_empty) && self.lines.len() < 2 {
            return String::new();
        }
        format!("{text}\n")
    }

    /// Whether nothing but blanks is in it.
    pub fn is_blank(&self) -> bool {
        self.lines.iter().all(|l| l.trim().is_empty())
    }

    /// Has the job stand under its name; whether that changed anything.
    pub fn set_job(&mut self, name: &str, job: &str) -> bool {
        if let Some(at) = self.named(name) {
            if self.lines[at] == job {
                return false;
            }
            self.update(name, Some(job));
            return true;
        }
        match self.lines.iter().position(|l| l == job) {
            Some(at) => self.adopt(name, job, at),
            None => {
                self.lines.extend([comment(name), job.to_owned()]);
                true
            }
        }
    }

    /// Takes the job of this name out; whether there was one.
    pub fn remove_job(&mut self, name: &str) -> bool {
        let there = self.named(name).is_some();
        if there {
            self.update(name, None);
        }
        there
    }

    /// Where the line of the job with this name is.
    fn named(&self, name: &str) -> Option<usize> {
        let mut above: Option<&str> = None;
        for (at, line) in self.lines.iter().enumerate() {
            match above.take() {
                Some(found) if found == name => return Some(at),
                Some(_) => {}
                None => above = line.strip_prefix(MARK),
            }
        }
        None
    }

    /// A job that is there without this name gets it: a comment of its own, or the name of a comment without one.
    fn adopt(&mut self, name: &str, job: &str, at: usize) -> bool {
        let above = (at + self.lines.len() - 1) % self.lines.len();
        if !self.lines[above].starts_with(MARK) {
            self.lines.insert(at, comment(name));
        } else if !name.is_empty() && self.lines[above] == comment("None") {
            self.lines[above] = comment(name);
        } else {
            // It is another name's: this one gets a job like it.
            self.lines.extend([comment(name), job.to_owned()]);
            return true;
        }
        self.update(name, Some(job));
        true
    }

    /// Puts `job` in the place of every job of this name, or takes them out.
    fn update(&mut self, name: &str, job: Option<&str>) {
        let wanted = comment(name);
        let mut kept = Vec::with_capacity(self.lines.len());
        let mut lines = std::mem::take(&mut self.lines).into_iter();
        while let Some(line) = lines.next() {
            if line != wanted {
                kept.push(line);
            } else if lines.next().is_some()
                && let Some(job) = job
            {
                kept.extend([line, job.to_owned()]);
            }
        }
        self.lines = kept;
    }

    /// Declares a variable; whether that changed anything, or the name of the variable that `place` does not find.
    pub fn set_variable(&mut self, name: &str, value: &str, place: &Place) -> Result<bool, String> {
        let declaration = format!("{name}=\"{value}\"");
        if let Some(at) = self.variable(name) {
            if self.lines[at] == declaration {
                return Ok(false);
            }
            let start = format!("{name}=");
            for line in self.lines.iter_mut().filter(|l| l.starts_with(&start)) {
                line.clone_from(&declaration);
            }
            return Ok(true);
        }
        let at = match place {
            Place::First => 0,
            Place::After(other) => self.variable(other).ok_or_else(|| other.clone())? + 1,
            Place::Before(other) => self.variable(other).ok_or_else(|| other.clone())?,
        };
        self.lines.insert(at, declaration);
        Ok(true)
    }

    /// Takes a variable out; whether it was there.
    pub fn remove_variable(&mut self, name: &str) -> bool {
        let (start, before) = (format!("{name}="), self.lines.len());
        self.lines.retain(|l| !l.starts_with(&start));
        self.lines.len() != before
    }

    fn variable(&self, name: &str) -> Option<usize> {
        let start = format!("{name}=");
        self.lines.iter().position(|l| l.starts_with(&start))
    }

    /// The names of all jobs.
    pub fn jobs(&self) -> Vec<String> {
        self.lines.iter().filter_map(|l| l.strip_prefix(MARK)).map(str::to_owned).collect()
    }

    /// The names of all variables.
    pub fn variables(&self) -> Vec<String> {
        let name = |l: &String| {
            let (name, _) = l.split_once('=')?;
            (!name.is_empty() && !name.contains(char::is_whitespace)).then(|| name.to_owned())
        };
        self.lines.iter().filter_map(name).collect()
    }
}

fn comment(name: &str) -> String {
    format!("{MARK}{name}")
}

#[cfg(test)]
mod tests {
    use super::{Place, Table};

    fn check(before: &str, change: impl Fn(&mut Table) -> bool, changed: bool, after: &str) {
        let mut table = Table::parse(before);
        assert_eq!(change(&mut table), changed, "{before:?}");
        assert_eq!(table.render(), after);
    }

    #[test]
    fn jobs_are_found_by_name_or_by_what_they_do() {
        let job = "* * * * * date";
        check("", |t| t.set_job("a", job), true, "#Ansible: a\n* * * * * date\n");
        check("#Ansible: a\n* * * * * date\n", |t| t.set_job("a", job), false, "#Ansible: a\n* * * * * date\n");
        check("#Ansible: a\n1 * * * * x\nX=1\n", |t| t.set_job("a", job), true, "#Ansible: a\n* * * * * date\nX=1\n");
        // Without a name, and with a blank one.
        check("# mine\n* * * * * date\n", |t| t.set_job("a", job), true, "# mine\n#Ansible: a\n* * * * * date\n");
        check("#Ansible: None\n* * * * * date", |t| t.set_job("a", job), true, "#Ansible: a\n* * * * * date\n");
        let two = "#Ansible: b\n* * * * * date\n#Ansible: a\n* * * * * date\n";
        check("#Ansible: b\n* * * * * date\n", |t| t.set_job("a", job), true, two);
    }

    #[test]
    fn jobs_go_with_their_comments_and_others_stay() {
        check("X=1\n#Ansible: a\nx\ny\n", |t| t.remove_job("a"), true, "X=1\ny\n");
        check("#Ansible: a\nx\n", |t| t.remove_job("b"), false, "#Ansible: a\nx\n");
        check("#Ansible: a\nx\n", |t| t.remove_job("a"), true, "");
        assert!(Table::parse(" \n\n").is_blank());
        assert!(!Table::parse("\nx").is_blank());
    }

    #[test]
    fn variables_go_where_they_are_asked_to() {
        let place = |place: Place| move |t: &mut Table| t.set_variable("B", "2", &place).expect("a place");
        check("A=\"1\"\nx\n", place(Place::First), true, "B=\"2\"\nA=\"1\"\nx\n");
        check("A=\"1\"\nx\n", place(Place::After("A".into())), true, "A=\"1\"\nB=\"2\"\nx\n");
        check("A=\"1\"\nx\n", place(Place::Before("A".into())), true, "B=\"2\"\nA=\"1\"\nx\n");
        check("B=1\n", place(Place::First), true, "B=\"2\"\n");
        check("B=\"2\"\n", place(Place::First), false, "B=\"2\"\n");
        let nowhere = Table::default().set_variable("B", "2", &Place::After("A".into()));
        assert_eq!(nowhere, Err("A".to_owned()));
        check("A=1\nB=2\n", |t| t.remove_variable("A"), true, "B=2\n");
        check("A=1\n", |t| t.remove_variable("B"), false, "A=1\n");
        let table = Table::parse("A=1\n* * * * * x=y\n#Ansible: j\nz\n");
        assert_eq!((table.variables(), table.jobs()), (vec!["A".to_owned()], vec!["j".to_owned()]));
    }
}
