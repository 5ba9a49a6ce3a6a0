-- question: What would the newer model gain if it were as quick as the older one?
-- grain: one row per model version but the first by name
-- columns:
--   model_version  version of the assistant's model
--   plain          its acceptance rate less that of the first version, as a fraction
--   at_latency     the same at equal latency: differences within half doublings of latency, weighted by both versions
--   median_wait    its median latency less that of the first version, milliseconds
--   compared       suggestions in bins that hold at least 50 of either version
with first_version as (
    select min(model_version) as name
    from suggestions
),
binned as (
    select
        model_version,
        floor(2 * ln(greatest(latency_ms, 1)) / ln(2.0)) as bin,
        count(*) as shown,
        {{ acceptance_rate }} as rate
    from suggestions
    group by model_version, floor(2 * ln(greatest(latency_ms, 1)) / ln(2.0))
),
matched as (
    select
        other.model_version,
        sum((other.rate - base.rate) * (other.shown + base.shown)) / sum(other.shown + base.shown) as at_latency,
        sum(other.shown + base.shown) as compared
    from first_version
    join binned as base on base.model_version = first_version.name and base.shown >= 50
    join binned as other
        on other.bin = base.bin and other.model_version <> base.model_version and other.shown >= 50
    group by other.model_version
),
whole as (
    select
        model_version,
        {{ acceptance_rate }} as rate,
        percentile_cont(0.5) within group (order by latency_ms) as wait
    from suggestions
    group by model_version
)
select
    whole.model_version,
    whole.rate - base.rate as plain,
    matched.at_latency,
    whole.wait - base.wait as median_wait,
    matched.compared
from first_version
join whole as base on base.model_version = first_version.name
join whole on whole.model_version <> base.model_version
left join matched on matched.model_version = whole.model_version
order by whole.model_version
