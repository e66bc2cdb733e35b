#!/usr/bin/env bash
# The whole chain in order: both sides of a pair, from start weights to figures.
#
#   RECIPE=smoke bash train/run.sh                       minutes on a CPU, on made-up data
#   RECIPE=mini  SQUAD="train-v1.1.json" GENERAL_TEXT=books.txt.xz PUBMED_TEXT=pubmed.txt.xz \
#     BIOASQ_TRAIN="2B1_golden.json ..." BIOASQ_TEST="8B1_golden.json ..." bash train/run.sh
#   RECIPE=large BIOM_START=sultan/BioM-ELECTRA-Large-Discriminator \
#     VANILLA_START=google/electra-large-discriminator SQUAD="train-v2.0.json" \
#     BIOASQ_TRAIN=... BIOASQ_TEST=... bash train/run.sh
#
# Killed at any point, the same command goes on: finished stages are passed over, a cut one resumes.
set -euo pipefail
cd "$(dirname "$0")/.."

RECIPE=${RECIPE:-smoke}
RUNS=${RUNS:-runs/$RECIPE}
SEEDS=${SEEDS:-42}         # of the BioASQ stage; the stages before it use the first
THREADS=${THREADS:-2}
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
FIRST=${SEEDS%% *}
# Training frees and takes the same large blocks over and over: keep them in the process.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8000000000 TOKENIZERS_PARALLELISM=false

train() { echo "+ train $*" >&2; "$PYTHON" -m train "$@"; }
finished() { [ -f "$1/model.safetensors" ] && [ ! -f "$1/training_state.pt" ]; }
need() { [ -n "${!1:-}" ] || { echo "error: set $1 (see the head of train/run.sh)" >&2; exit 2; }; }
# finetune SIDE STAGE START OUT SEED DATA...
tune() {
  local stage=$1 start=$2 out=$3 seed=$4; shift 4
  finished "$out" || train finetune --recipe "$RECIPE" --stage "$stage" --start "$start" --out "$out" \
    --seed "$seed" --threads "$THREADS" "$@"
}

mkdir -p "$RUNS"
case $RECIPE in
  smoke)
    [ -d "$RUNS/data" ] || train smoke-data --out "$RUNS/data"
    SQUAD=$RUNS/data/squad.json GENERAL_TEXT=$RUNS/data/text.txt PUBMED_TEXT=$RUNS/data/text.txt
    BIOASQ_TRAIN=$RUNS/data/bioasq_train.json BIOASQ_TEST=$RUNS/data/bioasq_test.json CLOZE_COUNT=12 ;;
  mini) for name in SQUAD GENERAL_TEXT PUBMED_TEXT BIOASQ_TRAIN BIOASQ_TEST; do need $name; done ;;
  *) for name in SQUAD BIOASQ_TRAIN BIOASQ_TEST BIOM_START VANILLA_START; do need $name; done ;;
esac
read -ra squad <<<"$SQUAD"; read -ra bioasq <<<"$BIOASQ_TRAIN"; read -ra test <<<"$BIOASQ_TEST"

# A missing or empty file ends the run here, and the price is known before it is paid.
train cost --recipe "$RECIPE" --squad "${squad[@]}" --bioasq "${bioasq[@]}"
train convert "${test[@]}" --mode card --out "$RUNS/dev.json"

if [ "$RECIPE" = smoke ] || [ "$RECIPE" = mini ]; then
  finished "$RUNS/start" || train initialize --recipe "$RECIPE" --out "$RUNS/start"
  for side in general pubmed; do
    text=$GENERAL_TEXT; [ $side = general ] || text=$PUBMED_TEXT
    [ -f "$RUNS/cloze-$side.json" ] ||
      train cloze "$text" --count "${CLOZE_COUNT:-8000}" --seed "$FIRST" --out "$RUNS/cloze-$side.json"
  done
  tune cloze "$RUNS/start" "$RUNS/vanilla-cloze" "$FIRST" --squad "$RUNS/cloze-general.json"
  finished "$RUNS/biom-rtd" || train pretrain "$PUBMED_TEXT" --recipe "$RECIPE" --start "$RUNS/start" \
    --out "$RUNS/biom-rtd" --seed "$FIRST" --threads "$THREADS"
  tune cloze "$RUNS/biom-rtd" "$RUNS/biom-cloze" "$FIRST" --squad "$RUNS/cloze-pubmed.json"
  VANILLA_START=$RUNS/vanilla-cloze BIOM_START=$RUNS/biom-cloze
fi
for side in vanilla biom; do
  start=$VANILLA_START; [ $side = vanilla ] || start=$BIOM_START
  tune squad "$start" "$RUNS/$side-squad" "$FIRST" --squad "${squad[@]}" --max-per-file "${MAX_PER_FILE:-1000000}"
  for seed in $SEEDS; do
    tune bioasq "$RUNS/$side-squad" "$RUNS/$side-bioasq-$seed" "$seed" --bioasq "${bioasq[@]}"
  done
done
for seed in $SEEDS; do
  train evaluate "$RUNS/dev.json" --model "$RUNS/biom-bioasq-$seed" --against "$RUNS/vanilla-bioasq-$seed" \
    --bioasq "${test[@]}" --threads "$THREADS" --json "$RUNS/result-$seed.json"
done
train evaluate "$RUNS/dev.json" --model "$RUNS/biom-squad" --against "$RUNS/vanilla-squad" \
  --bioasq "${test[@]}" --threads "$THREADS" --json "$RUNS/result-squad.json"
