"""Rules of pipelines."""

TEXTS = {
    "pipeline-unknown-key": ("{0!r} is no key of {1}", "leave it out, or write it as the system does"),
    "pipeline-shape": ("{0} is not {1}", "give it a type that its key takes"),
    "pipeline-empty": ("{0} is empty", "fill it, or leave it out"),
    "pipeline-missing-key": ("{0} lacks {1}", "add it"),
    "pipeline-job-name": ("{0!r} cannot be the id of a job", "write letters, digits, '-' and '_'"),
    "pipeline-include": ("{0} is not in the repository", "write a file that is there"),
    "pipeline-reference": ("{0} is not there, or leads back to itself", "name a job that is there"),
    "pipeline-stage": ("{0} is in stage {1!r}, which stages does not name", "add it to stages"),
    "pipeline-needs": ("{0} waits for {1!r}, which is no job that ends before it", "name one that does"),
    "pipeline-cycle": ("{0} waits for itself: {1}", "take one of them out of needs"),
    "pipeline-named-job": (
        "the plan names {0!r} under {1}, and no job has this name",
        "name a job that is there",
    ),
    "pipeline-gate": (
        "{0} deploys, and no test runs before it",
        "let it need a job that tests or runs phasegate run",
    ),
    "pipeline-gate-tolerated": (
        "{0} deploys although the test in {1} fails: {2}",
        "let the failure of the test fail its job, and its job the pipeline",
    ),
    "pipeline-gate-bypassed": (
        "{0} deploys although {1} before it fails: {2}",
        "let it start only after success",
    ),
    "pipeline-environment": ("{0} deploys and names no environment", "write environment: and protect it"),
    "pipeline-rollback": (
        "{0} deploys, and no job rolls back",
        "add one, or name the document that tells how as rollback in the plan",
    ),
    "pipeline-rollback-document": (
        "the plan names {0} as the way back, and it is not there or lacks {1!r}",
        "write down how to roll back, and name the file",
    ),
    "pipeline-toolchain": (
        "{0} is {1} here and {2} in {3}",
        "use one version in all jobs",
    ),
    "pipeline-toolchain-file": ("{0} is {1} here, and {3} says {2}", "use one version in both"),
    "pipeline-lockfile": (
        "{0} has dependencies, and none of {1} is there",
        "commit the file that locks their versions",
    ),
}
