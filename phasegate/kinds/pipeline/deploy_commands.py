"""Commands that change what runs elsewhere; pure.

They are known by what they are: a tool with a word that deploys, a program on another machine, files that
are copied to one, a task or a script that is called after deploying.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ANY = r"(?:\S+\s+)*?"
_NO_VERBS = (
    "awk bandit black bundle cargo cat cd checkov chgrp chmod chown composer conftest cp diff"
    " docker dotnet du echo eslint export find git go grep groupadd hadolint head helm id jq"
    " kube-linter kubeconform kubectl kubeval ls mkdir mv mvn mvnw mypy npm pip pip3 pnpm podman"
    " prettier pushd pytest rm rubocop ruff sed semgrep shellcheck sort source stat su sudo tail"
    " tar test tflint touch tree trivy unzip useradd usermod wc which yamllint yarn yq zip"
)
"""Programs whose first word is no verb of their own: a folder or a user may be called `deploy`."""
_TABLE = r"""
[\w./-]+ (?:--?[\w-]+(?:=\S+)? )*(?:gh-)?deploy
aws ~(?:ecs (?:update-service|deploy|run-task|create-service)|amplify start-\w+|deploy create-\w+)
aws ~(?:lambda (?:update-function-code|publish-version|update-alias)|apprunner \w+-deployment)
aws ~(?:cloudformation (?:deploy|create-stack|update-stack|execute-change-set))
aws ~eks update-(?:addon|nodegroup-\w+|cluster-version)
aws ~(?:elasticbeanstalk (?:update|create)-environment|cloudfront create-invalidation)
aws ~codedeploy create-deployment
gcloud ~(?:deploy|services (?:replace|update)|run jobs (?:update|execute)|update-container|rolling-action)
azd (?:up|deploy|provision)
func azure functionapp publish
az ~(?:webapp|functionapp|containerapp|spring|staticwebapp) ~(?:deploy\S*|up|update|config ~set|restart)
az ~(?:deployment ~create|aks command invoke|storage blob (?:upload-batch|sync)|vmss update)
(?:kubectl|oc) ~(?:apply|replace|patch|set (?:image|env)|rollout (?:restart|latest)|scale|new-app)
(?:kubectl|oc) ~create (?:deployment|-f|-k|--filename)
(?:kubectl ~)?(?:argo |kubectl-argo-)rollouts (?:promote|set)
argocd app (?:sync|set)
flux reconcile
kapp ~deploy
tk apply
helm (?!.*\bplugin\b)~(?:upgrade|install)
helmfile ~(?:apply|sync)
werf converge
skaffold (?:run|deploy)
nomad ~run
docker ~(?:stack deploy|service (?:update|create))
kamal (?:redeploy|setup)
docker(?:-compose)? (?=.*(?:-H|--host|--context|-c)[ =]\S)~(?:up|run|restart)
<push> (?!localhost|127\.|EXPRESSION)(?:\S*/)?[^\s:/@$'"]+\s*$
<push> (?!localhost|127\.)\S*(?<![a-z])(?:latest|prod\w*|live)\S*
docker (?:buildx )?build .*--push\b(?=.*(?:[:-]latest|prod))
docker (?:buildx )?build (?=.*(?:[:-]latest|prod)).*--push
(?:skopeo copy|crane (?:push|tag|copy)) .*(?:[:-]latest|prod)\S*
(?:terraform|tofu|terragrunt) ~apply
pulumi ~up
ansible-playbook
ansible \S+ .*-m
salt(?:-call|-ssh)? .*state\.\w+
puppet (?:apply|agent)
chef-client
knife ssh
bolt (?:task|plan) run
nixos-rebuild .*--target-host
nix copy --to
deploy-rs
vercel(?! (?:pull|build|env|link|login|inspect|ls|list|logs|whoami|rollback|dev)\b)(?=\s|$)
now --prod
(?:netlify(?:-cli)?|firebase(?:-tools)?|wrangler|fly(?:ctl)?|serverless|sls|databricks|snow) ~deploy
(?:shopify|qovery|eb|sam|copilot|cap|mina|fab|dep|pm2|ibmcloud|okteto|platform|cf|clever) ~(?:re)?deploy
(?:render|koyeb|scalingo|doctl|wrangler|amplify|expo|eas) ~(?:deploys?|redeploy|publish|update)
doctl ~create-deployment
(?:railway|up|waypoint) up
(?:platform|upsun|amplify|cf|ibmcloud cf|shopify theme) push
heroku ~container:release
pm2 reload
zappa update
surge \S+
ecs-deploy \S+
gh-pages -d
git push ~(?:\S*(?:heroku|dokku)\S*|production|prod|live|deploy|gh-pages)
git push ~deploy@\S+
<task> (?:\S+ )*?(?!<no>)(?:[\w:@/.-]*[-:_./])?deploy(?:[-:_]\S*)?
(?:node|ruby|php|pwsh|perl|deno run|tsx|ts-node|python[\d.]*|source|\.) (?!<no>)(?:\S*[-_/])?deploy[\w.-]*
(?!<no>)(?:\S*[-_/])?deploy[\w-]*(?:\.\w+)?(?=\s|$)
<ask> .*(?:deploy[-_]?hook|/deploy(?:ments?)?\b|hooks?\S*deploy|_DEPLOY|DEPLOY_)\w*
"""
"""What a command begins with that deploys, one a line; `~` stands for any words."""
_SHORT = {
    "~": _ANY,
    "<push>": r"(?:docker|podman|buildah|nerdctl)(?: image)? push(?: -\S+)*",
    "<task>": r"(?:g?make|just|task|rake|invoke|inv|cap|fab|mage|nx|turbo|lerna|rush|gradlew?|composer"
    r"|(?:npm|yarn|pnpm|bun|deno)(?: run| task)?)(?: run)?",
    "<no>": r"\S*(?:undeploy|predeploy|[-_:](?:check|tests?|lint|plan|dry|docs?|verify|validate)\b)",
    "<ask>": r"(?:curl|wget|https?|Invoke-WebRequest|Invoke-RestMethod|iwr|irm)",
}
_CONSOLES = (
    r"(?:uptime|hostname|whoami|ls|cat|echo|true|exit|date|df|test|id|pwd|uname|tail|head|mkdir|journalctl|ps"
    r"|docker (?:ps|logs|version|info|inspect)|systemctl (?:status|is-active))"
)
_READS = re.compile(rf"['\"]?\s*{_CONSOLES}\b[^;&|]*['\"]?\s*$")
_PLACE = r"(?:[\w.$\{\}-]+@)?[\w.$\{\}\[\]-]{2,}:(?!//)\S*|(?:rsync|s3|gs|sftp|ftp)://\S+"
_COPIES = re.compile(
    rf"(?:rsync|scp|pscp|rclone sync|s3cmd (?:sync|put)|aws {_ANY}s3 (?:sync|cp(?=.*--recursive))"
    rf"|gsutil {_ANY}(?:rsync|cp(?=.*\s-[rR]))|gcloud {_ANY}storage (?:rsync|cp(?=.*\s-[rR])))\s.*"
    rf"\s['\"]?(?P<to>{_PLACE})['\"]?(?:\s+-\S+(?:[ =][^\s-]\S*)?)*\s*$",
    re.S,
)
_SENDS = re.compile(r"(?:lftp|sftp|ncftpput|mc mirror)\s|curl\s.*(?:-T|--upload-file)[ =].*ftps?://", re.S)
_SSH = re.compile(
    r"ssh\s+(?:-[46AaCfGgKkMNnqsTtVvXxYy]+\s+|-[bcDEeFIiJLlmOopQRSWw]\s*(?:'[^']*'|\"[^\"]*\"|\S+)\s+)*"
    r"(?P<host>\"[^\"]*\"|'[^']*'|[^\s-]\S*)\s*(?P<command>.*)",
    re.S,
)
_KEPT = re.compile(
    r"cache|artifact|report|coverage|backup|logs?\b|tests?[-_/]|allure|screenshots?|known_hosts", re.I
)
"""Words in a place for what is kept, and does not run."""
_FORGES = re.compile(r"git@|github\.com|gitlab\.com|bitbucket\.org")
_VERB, *_OTHERS = (
    f"(?:{re.sub('~|<[a-z]+>', lambda name: _SHORT[name[0]], line)})(?![\\w-])"
    for line in _TABLE.strip().splitlines()
)
PATTERN = "|".join((rf"(?!(?:{'|'.join(_NO_VERBS.split())})\s){_VERB}", *_OTHERS))
"""What a command begins with that deploys."""


_ACTIONS = re.compile(
    r"(?!\S*(?:setup|checkout|login|lint|validate|deployment-status|deployments?@|wait|delete|cleanup|notify))"
    r"(?:\S*[-_/])?(?:deploy\S*|gh-pages\S*|k8s-(?:deploy|bake)\S*|webapps?-\S*|functions-action|s3-sync\S*|ssh(?:-\S+)?"
    r"|scp(?:-\S+)?|sftp\S*|ftp-\S*|rsync\S*|vercel-action|actions-netlify|netlify\S*|wrangler-action|pages-action"
    r"|flyctl-actions(?!/setup)|action-ansible-playbook|ansible-playbook\S*|serverless\S*|action-hosting-deploy"
    r"|arm-deploy|helm-deploy\S*|argocd-\S*sync\S*|railway\S*|kamal\S*)(?:@\S*)?",
    re.IGNORECASE,
)
_BUILDERS = re.compile(
    r"docker/(?:build-push-action|bake-action)|\S*/(?:kaniko|buildah|push-to-registry)\S*", re.I
)
_MOVES = re.compile(r"(?:^|[\s:,=/-])(?:latest|prod(?:uction)?|live)\b")


_PUSHES = re.compile(
    r"(?:\S+\s+)*?(?:docker|podman|buildah|nerdctl|skopeo|crane)\b.*(?:push|copy|tag)\b", re.S
)
_PRODUCTION = re.compile(r"(?<![a-z])(?:prod(?:uction)?|live)(?![a-z])", re.IGNORECASE)


def only_publishes(text: str, names: str, options: Mapping[str, object]) -> bool:
    """Whether a command or an action gives an image to a registry, and neither its name nor those of the job
    say production."""
    if not (_PUSHES.match(text) or _BUILDERS.match(text)):
        return False
    return _PRODUCTION.search(f"{text} {names} {options.get('tags', '')}") is None


def action_deploys(uses: str, options: Mapping[str, object]) -> bool:
    """Whether an action deploys, by its name and by what it is given."""
    if uses.startswith("actions/deploy-pages"):
        return True
    if _BUILDERS.match(uses):
        pushes = str(options.get("push", "")).lower() == "true" or "push=true" in str(options.get("outputs"))
        return pushes and _MOVES.search(f"{options.get('tags', '')}") is not None
    if uses.startswith("pulumi/actions"):
        return str(options.get("command")) == "up"
    return not uses.startswith("actions/") and _ACTIONS.fullmatch(uses) is not None


def sends_elsewhere(text: str) -> bool:
    """Whether a command runs something on another machine, or copies files there."""
    if (ssh := _SSH.match(text)) is not None:
        command = ssh["command"].strip(" \t\n&;")
        return bool(command) and not _FORGES.search(ssh["host"]) and not _READS.match(command)
    if (copies := _COPIES.match(text)) is not None:
        return not _KEPT.search(copies["to"])
    return _SENDS.match(text) is not None
