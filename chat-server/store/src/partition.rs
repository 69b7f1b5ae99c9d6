//! Partitions: made ahead of time, dropped when their time is over.
//!
//! Their names and bounds hold dates, which a prepared statement cannot take as
//! parameters: these few statements are put together here, from numbers alone.

use chat_domain::limits::SEND_DEDUP_DAYS;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{Store, StoreError};

const DAY_MS: u64 = 86_400_000;
/// Months after this one whose partitions of the log are made.
const MONTHS_AHEAD: u32 = 2;
/// Days after this one whose partitions of `send_dedup` are made.
const DAYS_AHEAD: u64 = 3;

/// A day of the calendar, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Date {
    year: u64,
    month: u64,
    day: u64,
}

/// One partition: its name, and the milliseconds since 1970 that it takes, the
/// second excluded.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Partition {
    table: &'static str,
    name: String,
    from_ms: u64,
    to_ms: u64,
}

impl Store {
    /// Makes the partitions that the next days and months need, and drops those
    /// of `send_dedup` that nobody needs any more. Done when the server starts
    /// and each day; several servers may do it at once.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn settle_partitions(&self, now_ms: u64) -> Result<(), StoreError> {
        let mut transaction = self.pool.begin().await?;
        // CREATE … IF NOT EXISTS alone fails when two run it at the same moment.
        sqlx::query!(
            r#"SELECT pg_advisory_xact_lock(hashtext('chatalot/partitions')) AS "locked!: ()""#
        )
        .fetch_one(&mut *transaction)
        .await?;
        for partition in needed(now_ms) {
            create(&mut transaction, &partition).await?;
        }
        transaction.commit().await?;
        self.drop_ended(now_ms).await
    }

    async fn drop_ended(&self, now_ms: u64) -> Result<(), StoreError> {
        let names = sqlx::query_scalar!(
            r#"
            SELECT c.relname AS "name!" FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'send_dedup'::regclass
            "#
        )
        .fetch_all(&self.pool)
        .await?;
        let oldest = day_partition(now_ms / DAY_MS - SEND_DEDUP_DAYS.min(now_ms / DAY_MS)).name;
        // Names sort as their dates do.
        for name in names.into_iter().filter(|name| *name < oldest) {
            let mut transaction = self.pool.begin().await?;
            // Messages are being stored: rather try again tomorrow than make
            // them wait behind a lock that waits itself.
            sqlx::raw_sql("SET LOCAL lock_timeout = '2s'")
                .execute(&mut *transaction)
                .await?;
            let dropped = sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE IF EXISTS \"{name}\"")))
                .execute(&mut *transaction)
                .await;
            match dropped {
                Ok(_) => transaction.commit().await?,
                Err(error) => tracing::warn!(%name, %error, "a partition is dropped later"),
            }
        }
        Ok(())
    }
}

async fn create(connection: &mut PgConnection, partition: &Partition) -> Result<(), StoreError> {
    let Partition {
        table,
        name,
        from_ms,
        to_ms,
    } = partition;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} \
         FOR VALUES FROM ({from_ms}) TO ({to_ms})"
    )))
    .execute(connection)
    .await?;
    Ok(())
}

/// The partitions that must be there now: the one of yesterday too, for a clock
/// that is set back a little around midnight.
fn needed(now_ms: u64) -> Vec<Partition> {
    let today = now_ms / DAY_MS;
    let mut partitions = Vec::new();
    let mut date = date(today.saturating_sub(1));
    date.day = 1;
    // One more than are ahead, because yesterday may lie in the month before.
    for _ in 0..=MONTHS_AHEAD + 1 {
        let next = month_after(date);
        partitions.push(Partition {
            table: "conversation_log",
            name: format!("conversation_log_{:04}_{:02}", date.year, date.month),
            from_ms: days_of(date) * DAY_MS,
            to_ms: days_of(next) * DAY_MS,
        });
        date = next;
    }
    for day in today.saturating_sub(1)..=today + DAYS_AHEAD {
        partitions.push(day_partition(day));
    }
    partitions
}

fn day_partition(day: u64) -> Partition {
    let Date {
        year,
        month,
        day: of_month,
    } = date(day);
    Partition {
        table: "send_dedup",
        name: format!("send_dedup_{year:04}_{month:02}_{of_month:02}"),
        from_ms: day * DAY_MS,
        to_ms: (day + 1) * DAY_MS,
    }
}

fn month_after(date: Date) -> Date {
    let (year, month) = if date.month == 12 {
        (date.year + 1, 1)
    } else {
        (date.year, date.month + 1)
    };
    Date {
        year,
        month,
        day: 1,
    }
}

/// The date of a day since 1970-01-01, in the Gregorian calendar. Counted from
/// the first of March of year 0, so that the leap day ends a year.
fn date(days: u64) -> Date {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    Date { year, month, day }
}

/// The day since 1970-01-01 of a date; [`date`] the other way.
fn days_of(date: Date) -> u64 {
    let year = if date.month <= 2 {
        date.year - 1
    } else {
        date.year
    };
    let era = year / 400;
    let year_of_era = year % 400;
    let shifted = if date.month > 2 {
        date.month - 3
    } else {
        date.month + 9
    };
    let of_year = (153 * shifted + 2) / 5 + date.day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_agree() {
        let day = |year, month, day| Date { year, month, day };
        assert_eq!(date(0), day(1970, 1, 1));
        assert_eq!(date(11_016), day(2000, 2, 29));
        assert_eq!(date(20_787), day(2026, 11, 30));
        for days in (0..60_000).step_by(13) {
            assert_eq!(days_of(date(days)), days);
        }
    }

    #[test]
    fn partitions_follow_each_other_without_a_hole() {
        // 2026-12-31 and 2027-01-01: yesterday lies in another month and year.
        for now_ms in [20_818 * DAY_MS + 5, 20_819 * DAY_MS] {
            let needed = needed(now_ms);
            for table in ["conversation_log", "send_dedup"] {
                let of_table: Vec<_> = needed.iter().filter(|one| one.table == table).collect();
                for pair in of_table.windows(2) {
                    assert_eq!(pair[0].to_ms, pair[1].from_ms);
                    assert!(pair[0].name < pair[1].name);
                }
                assert!(
                    of_table
                        .iter()
                        .any(|one| one.from_ms <= now_ms && now_ms < one.to_ms)
                );
            }
        }
    }
}
