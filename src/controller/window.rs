//! Whether restarts of stateful tiers may begin now. Pure: the clock is read by the caller.

use jiff::civil::{Time, Weekday as CivilDay};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::api::{Weekday, Window};
use crate::domain::Millis;

/// Whether a window is open; no window is always open, one that cannot be read is always shut.
///
/// A window that crosses midnight belongs to the day on which it opens.
#[must_use]
pub fn is_open(window: Option<&Window>, now: Timestamp) -> bool {
    let Some(window) = window else { return true };
    open_in(window, now).unwrap_or(false)
}

fn open_in(window: &Window, now: Timestamp) -> Option<bool> {
    let zone = TimeZone::get(window.time_zone.as_deref().unwrap_or("Etc/UTC")).ok()?;
    let start = Time::strptime("%H:%M", &window.start).ok()?;
    let Millis(length) = Millis::parse(&window.duration.0)?;
    let length = i64::try_from(length).ok()?;
    let today = now.to_zoned(zone.clone()).date();
    let days_back = length / 86_400_000 + 1;
    for back in 0..=days_back {
        let day = today.checked_sub(back.days()).ok()?;
        if !opens_on(window, day.weekday()) {
            continue;
        }
        let opens = day.to_datetime(start).to_zoned(zone.clone()).ok()?.timestamp();
        let shuts = opens.checked_add(length.milliseconds()).ok()?;
        if opens <= now && now < shuts {
            return Some(true);
        }
    }
    Some(false)
}

fn opens_on(window: &Window, day: CivilDay) -> bool {
    let Some(days) = &window.days else { return true };
    days.iter().any(|wanted| {
        let wanted = match wanted {
            Weekday::Mon => CivilDay::Monday,
            Weekday::Tue => CivilDay::Tuesday,
            Weekday::Wed => CivilDay::Wednesday,
            Weekday::Thu => CivilDay::Thursday,
            Weekday::Fri => CivilDay::Friday,
            Weekday::Sat => CivilDay::Saturday,
            Weekday::Sun => CivilDay::Sunday,
        };
        wanted == day
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: Option<Vec<Weekday>>, start: &str, duration: &str, zone: Option<&str>) -> Window {
        Window { days, start: start.to_owned(), duration: duration.into(), time_zone: zone.map(str::to_owned) }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn no_window_is_always_open_and_an_unreadable_one_never() {
        assert!(is_open(None, at("2026-11-23T01:00:00Z")));
        assert!(!is_open(Some(&window(None, "02:00", "2h", Some("Nowhere/Else"))), at("2026-11-23T02:30:00Z")));
    }

    #[test]
    fn a_window_opens_on_its_days_in_its_zone() {
        let saturday = window(Some(vec![Weekday::Sat]), "02:00", "2h", Some("Europe/Berlin"));
        assert!(is_open(Some(&saturday), at("2026-11-28T01:00:00Z")), "02:00 in Berlin in winter");
        assert!(!is_open(Some(&saturday), at("2026-11-28T00:59:59Z")));
        assert!(!is_open(Some(&saturday), at("2026-11-28T03:00:00Z")), "the end is outside");
        assert!(!is_open(Some(&saturday), at("2026-11-27T01:30:00Z")), "a Friday");
        assert!(is_open(Some(&saturday), at("2026-07-04T00:30:00Z")), "summer time");
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_opens() {
        let friday = window(Some(vec![Weekday::Fri]), "23:00", "3h", None);
        assert!(is_open(Some(&friday), at("2026-11-28T01:30:00Z")), "Saturday morning");
        assert!(!is_open(Some(&friday), at("2026-11-27T01:30:00Z")), "Friday morning");
    }
}
