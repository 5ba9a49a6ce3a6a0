-- question: Are short suggestions taken more often than long ones?
-- grain: one row per tenth of the suggestions by length
-- columns:
--   tenth            1 holds the shortest
--   shortest         least length in it, tokens
--   longest          greatest length in it, tokens
--   shown            suggestions shown
--   acceptance_rate  share taken
--   mean_latency     mean latency, milliseconds
with ranked as (
    select
        suggestions.*,
        ntile(10) over (order by suggestion_length, suggestion_id) as tenth
    from suggestions
)
select
    tenth,
    min(suggestion_length) as shortest,
    max(suggestion_length) as longest,
    count(*) as shown,
    {{ acceptance_rate }} as acceptance_rate,
    {{ mean_latency }} as mean_latency
from ranked
group by tenth
order by tenth
