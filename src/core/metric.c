#include "proctrack/metric.h"

#include <assert.h>

/* Every le has a fraction, in both formats: 1 and 1.0 would be two series to a scraper that is
 * given one format today and the other tomorrow. */
const struct metric_bucket metric_latency_buckets[METRIC_BUCKETS] = {
    {100, "0.0001"},    {250, "0.00025"},   {500, "0.0005"},    {1000, "0.001"},  {2500, "0.0025"},
    {5000, "0.005"},    {10000, "0.01"},    {25000, "0.025"},   {50000, "0.05"},  {100000, "0.1"},
    {250000, "0.25"},   {500000, "0.5"},    {1000000, "1.0"},   {2500000, "2.5"}, {5000000, "5.0"},
    {10000000, "10.0"}, {20000000, "20.0"}, {30000000, "30.0"},
};

const struct metric_bucket metric_period_buckets[METRIC_BUCKETS] = {
    {10000, "0.01"},        {50000, "0.05"},          {100000, "0.1"},
    {250000, "0.25"},       {500000, "0.5"},          {1000000, "1.0"},
    {2500000, "2.5"},       {5000000, "5.0"},         {10000000, "10.0"},
    {30000000, "30.0"},     {60000000, "60.0"},       {120000000, "120.0"},
    {300000000, "300.0"},   {600000000, "600.0"},     {1800000000, "1800.0"},
    {3600000000, "3600.0"}, {10800000000, "10800.0"}, {43200000000, "43200.0"},
};

uint64_t metric_observed(const struct metric_histogram *histogram)
{
    uint64_t count = 0;
    for (size_t i = 0; i <= METRIC_BUCKETS; i++)
        count += histogram->counts[i];
    return count;
}

void metric_histogram_merge(struct metric_histogram *into, const struct metric_histogram *from)
{
    assert(into->scale == from->scale);
    for (size_t i = 0; i <= METRIC_BUCKETS; i++)
        into->counts[i] += from->counts[i];
    into->sum_us += from->sum_us;
}
