//! The plan as a table: one column per setting, every row with its unit.

use std::fmt::Write as _;

use tessera::wire::CoverInfo;

use super::{
    Column, Plan,
    figures::Figures,
    privacy_cost::{Bound, Cost, MEANINGFUL},
};

const NO_BOUND: &str = "no meaningful bound";

/// Renders the plan.
pub(super) fn render(plan: &Plan) -> String {
    let people = &plan.assumptions;
    let away = duration(f64::from(people.away_seconds));
    let open = people.open_hours_per_day;
    let mut rows = Rows::new(plan);
    rows.head("setting", |column| column.name.to_owned());
    rows.cover("cover", |cover| Some(cover.mechanism.clone()));
    rows.cover("epsilon, per cells and batches below", |cover| {
        cover.epsilon
    });
    rows.cover("delta, per cells and batches below", |cover| {
        cover.delta.map(|delta| format!("{delta:e}"))
    });
    rows.cover("for so many cells in one batch", |cover| cover.sensitivity);
    rows.cover("in each of so many batches", |cover| cover.batches);
    rows.cover("mean cover, cells per batch", |cover| {
        cover.mean.map(|mean| format!("{mean:.0}"))
    });
    rows.cover("size of a batch, cells (constant)", |cover| cover.cells);
    rows.figure("buckets", |f| f.buckets.to_string());
    rows.duration("epoch", |f| f64::from(f.epoch_seconds));

    rows.section("Hiding among people");
    rows.figure("people per bucket (anonymity set of a reader)", |f| {
        format!("{:.0}", f.people_per_bucket)
    });
    rows.figure("cells posted per bucket and epoch, mean", |f| {
        format!("{:.1}", f.posted_cells_per_batch)
    });
    rows.figure("cells per batch, mean", |f| {
        format!("{:.1}", f.cells_per_batch)
    });
    rows.figure("places in slots taken by real cells", |f| {
        format!("{:.1} %", 100.0 * f.places_taken)
    });

    for (reader, bound) in [
        (
            "all buckets",
            (|cost| cost.reader_of_all_buckets) as fn(&Cost) -> Bound,
        ),
        ("one bucket", |cost| cost.reader_of_one_bucket),
    ] {
        rows.section(&format!(
            "Against a reader of the batches of {reader}: epsilon (and delta) of"
        ));
        for (index, unit) in units(plan).iter().enumerate() {
            rows.add(unit, |column| {
                let cost = column.privacy_cost.costs.get(index);
                cost.map_or_else(dash, |cost| shown(bound(cost)))
            });
        }
    }

    rows.section("Bytes and seconds (1 MB = 1 000 000 bytes)");
    rows.bytes("relay's cover per bucket and day", |f| {
        f.cover_bytes_per_bucket_per_day
    });
    rows.bytes("download per reader and day", |f| {
        f.download_bytes_per_reader_per_day
    });
    rows.bytes(&format!("download after {away} away"), |f| {
        f.download_bytes_after_away
    });
    rows.bytes(
        &format!("download per reader and day, all open {open} h"),
        |f| f.download_bytes_per_reader_per_day_all_open,
    );
    rows.bytes("light reading per day, portal opened once", |f| {
        f.light_bytes_per_reader_per_day
    });
    rows.bytes(&format!("light reading after {away} away"), |f| {
        f.light_bytes_after_away
    });
    rows.bytes(&format!("upload per day of a portal open {open} h"), |f| {
        f.upload_bytes_per_reader_per_day
    });
    rows.bytes("upload per slot", |f| f.upload_bytes_per_slot);
    rows.bytes("lobby, when a portal is opened", |f| {
        f.lobby_bytes_per_opening
    });
    rows.bytes("lobby, each minute of an enrolment", |f| {
        f.lobby_bytes_per_minute_enrolling
    });
    rows.bytes("lobby, disk", |f| f.lobby_disk_bytes);
    rows.duration("six digits after an answer, worst", |f| {
        f.lobby_seconds_worst
    });
    rows.bytes("egress per day, everyone reading all", |f| {
        f.egress_bytes_per_day
    });
    rows.bytes("disk for the retention", |f| f.disk_bytes);
    if people.copies > 1 {
        let all = format!("disk of all machines, {} copies", people.copies);
        rows.bytes(&all, |f| f.disk_bytes_all_copies);
    }
    rows.duration("delay of a message, median", |f| f.delay_seconds_median);
    rows.duration("delay of a message, worst", |f| f.delay_seconds_worst);

    rows.section("One message of the largest size");
    rows.bytes("size", |f| f.attachment.bytes as f64);
    rows.figure("cells", |f| f.attachment.cells.to_string());
    rows.figure("slots until all of it has left, one per epoch", |f| {
        f.attachment.slots.to_string()
    });
    rows.bytes("upload of its sender, at once", |f| {
        f.attachment.upload_bytes_at_once
    });
    rows.bytes("download of every reader more, at once", |f| {
        f.attachment.download_bytes_at_once
    });

    assumptions(plan) + &rows.text + &notes(plan)
}

fn assumptions(plan: &Plan) -> String {
    let people = &plan.assumptions;
    format!(
        "{} people; {} messages a day in all, each with a receipt; {} slots per person and day\n\
         on average (two per opening of a portal, one per epoch while it is open); {} slots a day\n\
         in all for messages at once{}\n\n",
        people.users,
        people.messages_per_day,
        people.slots_per_user_per_day,
        people.slots_at_once_per_day,
        match people.publishers {
            1 => String::new(),
            several => format!(
                "; {several} relays publish, each with cover of its own. A message that\n\
                 is sealed again for another of them may cost twice the epsilon and delta below"
            ),
        }
    )
}

/// The units, which are the same for all settings that have a bound.
fn units(plan: &Plan) -> Vec<String> {
    let costs = plan
        .settings
        .iter()
        .map(|column| &column.privacy_cost.costs);
    let costs = costs.max_by_key(|costs| costs.len());
    costs
        .into_iter()
        .flatten()
        .map(|cost| cost.unit.clone())
        .collect()
}

fn notes(plan: &Plan) -> String {
    let mut text = format!(
        "\nNo meaningful bound: epsilon above {MEANINGFUL}. Nothing here bounds what the relay \
         itself learns.\n"
    );
    let mut seen = Vec::new();
    for column in &plan.settings {
        let warnings = column.warnings.iter().map(|warning| ("warning: ", warning));
        for (kind, said) in [("", &column.privacy_cost.note)]
            .into_iter()
            .chain(warnings)
        {
            if !seen.contains(&said) {
                seen.push(said);
                let _ = writeln!(text, "{}: {kind}{said}.", column.name);
            }
        }
    }
    text
}

/// Rows of equal columns.
struct Rows<'a> {
    columns: &'a [Column],
    text: String,
}

impl<'a> Rows<'a> {
    const LABEL: usize = 52;
    const CELL: usize = 21;

    fn new(plan: &'a Plan) -> Self {
        Self {
            columns: &plan.settings,
            text: String::new(),
        }
    }

    fn add(&mut self, label: &str, value: impl Fn(&Column) -> String) {
        let mut line = format!("{label:<width$}", width = Self::LABEL);
        for column in self.columns {
            let _ = write!(line, "{:>width$}", value(column), width = Self::CELL);
        }
        self.text += line.trim_end();
        self.text.push('\n');
    }

    fn head(&mut self, label: &str, value: impl Fn(&Column) -> String) {
        self.add(label, value);
        let width = Self::LABEL + Self::CELL * self.columns.len();
        let _ = writeln!(self.text, "{}", "-".repeat(width));
    }

    fn cover<T: ToString>(&mut self, label: &str, value: impl Fn(&CoverInfo) -> Option<T>) {
        self.add(label, |column| {
            value(&column.cover).map_or_else(dash, |value| value.to_string())
        });
    }

    fn figure(&mut self, label: &str, value: impl Fn(&Figures) -> String) {
        self.add(label, |column| value(&column.figures));
    }

    fn bytes(&mut self, label: &str, value: impl Fn(&Figures) -> f64) {
        self.figure(label, |figures| bytes(value(figures)));
    }

    fn duration(&mut self, label: &str, value: impl Fn(&Figures) -> f64) {
        self.figure(label, |figures| duration(value(figures)));
    }

    fn section(&mut self, title: &str) {
        let _ = write!(self.text, "\n{title}\n");
    }
}

fn dash() -> String {
    "-".to_owned()
}

fn shown(bound: Bound) -> String {
    match bound.epsilon {
        None => NO_BOUND.to_owned(),
        Some(_) if bound.delta == 0.0 => "0 (0)".to_owned(),
        Some(epsilon) => format!("{} ({})", rounded_up(epsilon), scientific(bound.delta)),
    }
}

/// Rounds up to three significant digits: a bound must not shrink in print.
fn rounded_up(value: f64) -> String {
    let places = if value >= 10.0 {
        1
    } else if value >= 1.0 {
        2
    } else {
        3
    };
    let scale = 10_f64.powi(places);
    // Composition is exact to 10⁻⁹.
    format!("{}", ((value - 1e-8) * scale).ceil() / scale)
}

fn scientific(delta: f64) -> String {
    let exponent = delta.log10().floor();
    let digits = (delta / 10_f64.powf(exponent) * 10.0 - 1e-6).ceil() / 10.0;
    format!("{digits}e{exponent}")
}

fn bytes(bytes: f64) -> String {
    for (unit, size) in [("TB", 1e12), ("GB", 1e9), ("MB", 1e6)] {
        if bytes >= size {
            let value = bytes / size;
            let places = if value < 100.0 { 1 } else { 0 };
            return format!("{value:.places$} {unit}");
        }
    }
    format!("{:.0} kB", bytes / 1e3)
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_never_shrink_in_print() {
        for (value, shown) in [
            (0.1, "0.1"),
            (0.099_999_8, "0.1"),
            (0.1001, "0.101"),
            (1.231, "1.24"),
            (9.999, "10"),
        ] {
            assert_eq!(rounded_up(value), shown);
        }
        for (value, shown) in [
            (1e-6, "1e-6"),
            (2e-6, "2e-6"),
            (1.999_999e-6, "2e-6"),
            (3.11e-5, "3.2e-5"),
        ] {
            assert_eq!(scientific(value), shown);
        }
    }

    #[test]
    fn bytes_and_durations_have_units() {
        assert_eq!(bytes(10_715_136.0), "10.7 MB");
        assert_eq!(bytes(219e6), "219 MB");
        assert_eq!(bytes(7.5e9), "7.5 GB");
        assert_eq!(bytes(1_234.0), "1 kB");
        assert_eq!(duration(3.0), "3 s");
        assert_eq!(duration(1_815.0), "30 min");
        assert_eq!(duration(86_400.0 * 14.0), "14 days");
    }
}
