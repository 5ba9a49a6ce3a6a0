-- question: On which tasks does accepted code fail most, where there is enough to tell?
-- grain: one row per task with at least 30 test runs, the twenty worst
-- columns:
--   task_id         task
--   task            kind of task
--   runs            test runs
--   test_pass_rate  share of test runs that pass
--   at_best         upper end of the 95 % Wilson interval of that share: a task is worse than this by luck alone
--   place           rank by at_best, the worst first
with tasks as (
    select
        task_id,
        min(task) as task,
        sum({{ test_pass_rate.denominator }}) as runs,
        {{ test_pass_rate }} as rate
    from suggestions
    group by task_id
    having sum({{ test_pass_rate.denominator }}) >= 30
),
bounded as (
    select
        tasks.*,
        (rate + 1.9208 / runs + 1.96 * sqrt((rate * (1 - rate) + 0.9604 / runs) / runs)) / (1 + 3.8416 / runs) as at_best
    from tasks
),
ranked as (
    select bounded.*, rank() over (order by at_best) as place
    from bounded
)
select task_id, task, runs, rate as test_pass_rate, at_best, place
from ranked
where place <= 20
order by place, task_id
