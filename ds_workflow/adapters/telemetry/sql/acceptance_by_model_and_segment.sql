-- question: Is a better model better for everybody, or do the totals hide a segment that loses?
-- grain: one row per segment and model version, and one per model version over all segments ("all")
-- columns:
--   developer_segment  how experienced the developers are, or all
--   model_version      version of the assistant's model
--   shown              suggestions shown
--   acceptance_rate    share taken
--   over_first         difference to the first version in the same segment, share points as a fraction
select
    case when grouping(developer_segment) = 1 then 'all' else developer_segment end as developer_segment,
    model_version,
    count(*) as shown,
    {{ acceptance_rate }} as acceptance_rate,
    {{ acceptance_rate }} - first_value({{ acceptance_rate }}) over (
        partition by grouping(developer_segment), developer_segment order by model_version
    ) as over_first
from suggestions
group by grouping sets ((developer_segment, model_version), (model_version))
order by grouping(developer_segment) desc, developer_segment, model_version
