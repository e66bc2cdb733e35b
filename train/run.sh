#!/usr/bin/env bash
# The whole chain in order: both sides of a pair, from start weights to figures.
#
#   RECIPE=smoke bash train/run.sh                       minutes on a CPU, on made-up data
#   RECIPE=mini  SQUAD="train-v1.1.json" GENERAL_TEXT=books.txt.xz PUBMED_TEXT=pubmed.txt.xz \
#     BIOASQ_TRAIN="2B1_golden.json ..." BIOASQ_TEST="8B1_golden.json ..." bash train/run.sh
#   RECIPE=small (from scratch, each side with its own vocabulary, for a GPU): as mini
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
PRETRAIN_STEPS=${PRETRAIN_STEPS:-}     # instead of the recipe's
MORE_SQUAD=${MORE_SQUAD:-}             # files of a second, slower SQuAD-style stage; none: no such stage
MORE_SEED=${MORE_SEED:-43}
DOMAIN_SEED=${DOMAIN_SEED:-44}         # mini: the BioM side's stage on PubMed text, with REPLAY (SQUAD unless set)
LIST_QUESTIONS=${LIST_QUESTIONS:-}     # 1: BioASQ list questions with one item a snippet are trained on too
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
FIRST=${SEEDS%% *}
# Training frees and takes the same large blocks over and over: keep them in the process.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8000000000 TOKENIZERS_PARALLELISM=false

train() { echo "+ train $*" >&2; "$PYTHON" -m train "$@"; }
finished() { [ -f "$1/model.safetensors" ] && [ ! -f "$1/training_state.pt" ]; }
need() { [ -n "${!1:-}" ] || { echo "error: set $1 (see the head of train/run.sh)" >&2; exit 2; }; }
# tune STAGE START OUT SEED OPTION...
tune() {
  local stage=$1 start=$2 out=$3 seed=$4; shift 4
  finished "$out" || train finetune --recipe "$RECIPE" --stage "$stage" --start "$start" --out "$out" \
    --seed "$seed" --threads "$THREADS" "$@"
}
# figures NAME BIOM VANILLA: both checkpoints on the test pairs, and their difference
figures() {
  [ -f "$RUNS/result-$1.json" ] || train evaluate "$RUNS/dev.json" --model "$2" --against "$3" \
    --bioasq "${test[@]}" --threads "$THREADS" --json "$RUNS/result-$1.json"
}

mkdir -p "$RUNS"
case $RECIPE in
  smoke)
    [ -d "$RUNS/data" ] || train smoke-data --out "$RUNS/data"
    SQUAD=$RUNS/data/squad.json GENERAL_TEXT=$RUNS/data/text.txt PUBMED_TEXT=$RUNS/data/text.txt
    BIOASQ_TRAIN=$RUNS/data/bioasq_train.json BIOASQ_TEST=$RUNS/data/bioasq_test.json CLOZE_COUNT=12 ;;
  mini | small) for name in SQUAD GENERAL_TEXT PUBMED_TEXT BIOASQ_TRAIN BIOASQ_TEST; do need $name; done ;;
  *) for name in SQUAD BIOASQ_TRAIN BIOASQ_TEST BIOM_START VANILLA_START; do need $name; done ;;
esac
read -ra squad <<<"$SQUAD"; read -ra bioasq <<<"$BIOASQ_TRAIN"; read -ra test <<<"$BIOASQ_TEST"
read -ra more <<<"$MORE_SQUAD"

# A missing or empty file ends the run here, and the price is known before it is paid.
train cost --recipe "$RECIPE" --squad "${squad[@]}" --bioasq "${bioasq[@]}"
train convert "${test[@]}" --mode card --out "$RUNS/dev.json"

rtd() {  # rtd SIDE START TEXT
  finished "$RUNS/$1-rtd" || train pretrain "$3" --recipe "$RECIPE" --start "$2" --out "$RUNS/$1-rtd" \
    --seed "$FIRST" --threads "$THREADS" ${PRETRAIN_STEPS:+--steps "$PRETRAIN_STEPS"}
}
cloze_file() {  # cloze_file SIDE TEXT
  [ -f "$RUNS/cloze-$1.json" ] ||
    train cloze "$2" --count "${CLOZE_COUNT:-8000}" --seed "$FIRST" --out "$RUNS/cloze-$1.json"
}
cloze() {  # cloze SIDE START TEXT
  cloze_file "$1" "$3"
  tune cloze "$2" "$RUNS/$1-cloze" "$FIRST" --squad "$RUNS/cloze-$1.json"
}
case $RECIPE in
  mini)  # one start and the same general stages for both; see the domain stage below
    finished "$RUNS/start" || train initialize --recipe mini --out "$RUNS/start"
    cloze vanilla "$RUNS/start" "$GENERAL_TEXT"
    VANILLA_START=$RUNS/vanilla-cloze ;;
  smoke | small)  # two starts, each pre-trained on its own text; small: with a vocabulary of its own too
    for side in vanilla biom; do
      text=$PUBMED_TEXT; [ $side = biom ] || text=$GENERAL_TEXT
      finished "$RUNS/$side-start" ||
        train initialize --recipe "$RECIPE" --text "$text" --seed "$FIRST" --out "$RUNS/$side-start"
      rtd $side "$RUNS/$side-start" "$text"
      cloze $side "$RUNS/$side-rtd" "$text"
    done
    VANILLA_START=$RUNS/vanilla-cloze BIOM_START=$RUNS/biom-cloze ;;
esac
for side in vanilla biom; do
  if [ $side = biom ] && [ -z "${BIOM_START:-}" ]; then
    start=$VANILLA_LAST
  else
    start=$VANILLA_START; [ $side = vanilla ] || start=$BIOM_START
    tune squad "$start" "$RUNS/$side-squad" "$FIRST" --squad "${squad[@]}" --max-per-file "${MAX_PER_FILE:-1000000}"
    start=$RUNS/$side-squad
    if [ ${#more[@]} -gt 0 ]; then
      tune squad "$start" "$RUNS/$side-squad-more" "$MORE_SEED" --squad "${more[@]}" --learning-rate 1e-4 \
        --max-per-file "${MORE_PER_FILE:-1000000}"
      start=$RUNS/$side-squad-more
    fi
  fi
  if [ $side = biom ] && { [ "$RECIPE" = mini ] || [ "$RECIPE" = smoke ]; }; then
    # The domain stage: span selection on PubMed text, with general questions so that none is unlearned.
    cloze_file biom "$PUBMED_TEXT"
    read -ra replay <<<"${REPLAY:-$SQUAD}"
    tune squad "$start" "$RUNS/biom-domain" "$DOMAIN_SEED" --learning-rate 1e-4 \
      --squad "$RUNS/cloze-biom.json" "${replay[@]}"
    start=$RUNS/biom-domain
  fi
  [ $side = biom ] && BIOM_LAST=$start || VANILLA_LAST=$start
  runs=()
  for seed in $SEEDS; do
    tune bioasq "$start" "$RUNS/$side-bioasq-$seed" "$seed" --bioasq "${bioasq[@]}" \
      ${LIST_QUESTIONS:+--list-questions}
    runs+=("$RUNS/$side-bioasq-$seed")
  done
  # The mean of the seeds' weights, where there are several.
  [ ${#runs[@]} -eq 1 ] || finished "$RUNS/$side-bioasq-mean" ||
    train average "${runs[@]}" --out "$RUNS/$side-bioasq-mean"
done
figures squad "$BIOM_LAST" "$VANILLA_LAST"
for seed in $SEEDS; do
  figures "$seed" "$RUNS/biom-bioasq-$seed" "$RUNS/vanilla-bioasq-$seed"
done
[ "$SEEDS" = "$FIRST" ] || figures mean "$RUNS/biom-bioasq-mean" "$RUNS/vanilla-bioasq-mean"
