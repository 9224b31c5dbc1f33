# SPDX-License-Identifier: Apache-2.0
# Completion of verdict for bash. Written by tests/house/manual.py --write.
_verdict() {
	local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" verb="${COMP_WORDS[1]}" flags
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "up down migrate status observe doctor clients purge elect exec shell submit dump load bench --help --version" -- "$word"))
		return
	fi
	case "$verb:$before" in
	clients:--sort) COMPREPLY=($(compgen -W "seen since verdicts queued low-water" -- "$word")); return ;;
	dump:--format) COMPREPLY=($(compgen -W "binary jsonl" -- "$word")); return ;;
	bench:--distribution) COMPREPLY=($(compgen -W "uniform zipf" -- "$word")); return ;;
	*:--config|*:--dir|*:--pg-bin) COMPREPLY=($(compgen -f -- "$word")); return ;;
	esac
	case "$verb" in
	up) flags="--nodes --dir --detach --pg-bin --schema --http-base-port --timeout --config --help" ;;
	down) flags="--dir --timeout --config --help" ;;
	migrate) flags="--dsn --schema --timeout --print-roles --account --config --help" ;;
	status) flags="--dsn --schema --json --watch --interval --timeout --config --help" ;;
	observe) flags="--dsn --schema --json --count --timeout --config --help" ;;
	doctor) flags="--dsn --schema --json --old --timeout --config --help" ;;
	clients) flags="--dsn --schema --sort --older-than --limit --json --timeout --config --help" ;;
	purge) flags="--dsn --schema --older-than --dry-run --json --timeout --config --help" ;;
	elect) flags="--dsn --schema --handover --to --json --timeout --config --help" ;;
	exec) flags="--dsn --schema --timeout --config --help" ;;
	shell) flags="--dsn --schema --timeout --history --config --help" ;;
	submit) flags="--dsn --schema --processes --in-flight --retry --timeout --config --help" ;;
	dump) flags="--dsn --schema --begin --end --prefix --format --force --json --config --help" ;;
	load) flags="--dsn --schema --begin --end --prefix --replace --abort --json --config --help" ;;
	bench) flags="--dsn --schema --processes --in-flight --seconds --warmup --keys --distribution --theta --value-bytes --seed --max-retry-delay --json --config --help" ;;
	*) return ;;
	esac
	if [[ "$word" == -* ]]; then
		COMPREPLY=($(compgen -W "$flags" -- "$word"))
	else
		COMPREPLY=($(compgen -f -- "$word"))
	fi
}
complete -o filenames -F _verdict verdict
