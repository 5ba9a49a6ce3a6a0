-- question: How much of what was taken is changed afterwards?
-- grain: one row per model version and segment
-- columns:
--   model_version      version of the assistant's model
--   developer_segment  how experienced the developers are
--   accepted           suggestions taken
--   edit_rate          share of them that was changed
--   rewritten_share    tokens changed over tokens taken
--   median_distance    median of the tokens changed, of those that were
--   p90_distance       nine in ten of those that were changed have at most so many
select
    model_version,
    developer_segment,
    sum(accepted) as accepted,
    {{ edit_rate }} as edit_rate,
    {{ rewritten_share }} as rewritten_share,
    percentile_cont(0.5) within group (order by case when edited = 1 then edit_distance end) as median_distance,
    percentile_cont(0.9) within group (order by case when edited = 1 then edit_distance end) as p90_distance
from suggestions
group by model_version, developer_segment
order by model_version, developer_segment
