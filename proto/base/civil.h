/* civil.h: days since 1970-01-01 and dates of the proleptic Gregorian calendar, without time zones.
 * Nothing here allocates or fails. */
#ifndef BASE_CIVIL_H
#define BASE_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define CIVIL_DAY_SECONDS 86400
#define CIVIL_ERA_DAYS    146097 /* days in 400 years, after which dates and weekdays repeat */
#define CIVIL_EPOCH_SHIFT 719468 /* days from 0000-03-01 to 1970-01-01 */

struct civil_date {
    int64_t year;
    int month; /* 1 to 12 */
    int day;   /* 1 to 31 */
};

/* Rounds down, also below zero; b > 0. */
static inline int64_t civil_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Days since 1970-01-01. Years begin in March here, so that leap days come last. */
static inline int64_t civil_days(struct civil_date date)
{
    int64_t year = date.month <= 2 ? date.year - 1 : date.year;
    int64_t era = civil_floor_div(year, 400);
    int64_t year_of_era = year - era * 400;
    int64_t shifted = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t day_of_year = (153 * shifted + 2) / 5 + date.day - 1;
    return era * CIVIL_ERA_DAYS + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
           day_of_year - CIVIL_EPOCH_SHIFT;
}

static inline struct civil_date civil_date_of(int64_t days)
{
    int64_t shifted_days = days + CIVIL_EPOCH_SHIFT;
    int64_t era = civil_floor_div(shifted_days, CIVIL_ERA_DAYS);
    uint32_t day_of_era = (uint32_t)(shifted_days - era * CIVIL_ERA_DAYS);
    uint32_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t shifted = (5 * day_of_year + 2) / 153;
    int month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    return (struct civil_date){.year = era * 400 + year_of_era + (month <= 2),
                               .month = month,
                               .day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1)};
}

/* 0 (Sunday) to 6. */
static inline int civil_weekday(int64_t days)
{
    return (int)(days + 4 - civil_floor_div(days + 4, 7) * 7);
}

static inline int civil_month_days(int64_t year, int month)
{
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    if (month == 2)
        return leap ? 29 : 28;
    return 30 + ((month + (month > 7)) & 1);
}

#endif
