"""GitHub's kinds of event that are set aside: they say nothing of a running system, or say twice what others tell.

After https://docs.github.com/en/webhooks/webhook-events-and-payloads. A kind
that stands neither here nor among those that are read is one that GitHub added
since: it is kept as not understood.
"""

from __future__ import annotations

SILENT = frozenset({
    "branch_protection_configuration", "branch_protection_rule", "check_run", "check_suite", "code_scanning_alert",
    "commit_comment", "create", "custom_property", "custom_property_promoted_to_enterprise", "custom_property_values",
    "delete", "dependabot_alert", "deploy_key", "deployment_protection_rule", "deployment_review", "discussion",
    "discussion_comment", "exemption_request_push_ruleset", "exemption_request_secret_scanning", "fork",
    "github_app_authorization", "gollum", "installation", "installation_repositories", "installation_target",
    "issue_comment", "issue_dependencies", "issues", "label", "marketplace_purchase", "member", "membership",
    "merge_group", "meta", "milestone", "org_block", "organization", "package", "page_build",
    "personal_access_token_request", "ping", "project", "project_card", "project_column", "projects_v2",
    "projects_v2_item", "projects_v2_status_update", "public", "pull_request_review", "pull_request_review_comment",
    "pull_request_review_thread", "registry_package", "repository", "repository_advisory", "repository_dispatch",
    "repository_import", "repository_ruleset", "repository_vulnerability_alert", "secret_scanning_alert",
    "secret_scanning_alert_location", "secret_scanning_scan", "security_advisory", "security_and_analysis",
    "sponsorship", "star", "status", "sub_issues", "team", "team_add", "watch", "workflow_dispatch", "workflow_job",
})  # fmt: skip
"""``create`` and ``delete`` are told by ``push`` as well, ``check_*``, ``status`` and ``workflow_job`` by
``workflow_run``, and a review of a deployment by the deployment's next state."""
