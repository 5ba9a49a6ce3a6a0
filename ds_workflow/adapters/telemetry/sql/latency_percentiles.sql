-- question: How long do developers wait, in the middle and at the far end?
-- grain: one row per model version
-- columns:
--   model_version  version of the assistant's model
--   shown          suggestions shown
--   mean_latency   mean, milliseconds
--   p50            median
--   p90            nine in ten come within it
--   p95            19 in 20 come within it
--   p99            99 in 100 come within it
--   slow_share     share above 1,000 ms
select
    model_version,
    count(*) as shown,
    {{ mean_latency }} as mean_latency,
    percentile_cont(0.50) within group (order by latency_ms) as p50,
    percentile_cont(0.90) within group (order by latency_ms) as p90,
    percentile_cont(0.95) within group (order by latency_ms) as p95,
    percentile_cont(0.99) within group (order by latency_ms) as p99,
    {{ slow_share }} as slow_share
from suggestions
group by model_version
order by model_version
