#!/usr/bin/env bash
# The whole chain in order: both sides of a pair, from start weights to figures.
#
#   RECIPE=smoke bash train/run.sh                       minutes on a CPU, on made-up data
#   RECIPE=mini  (with a teacher; see train/README.md for the command of the shipped pair)
#     SQUAD_WHOLE="dev-v2.0.json" SQUAD="train-v1.1.json ..." BIOASQ_TRAIN="1B1_golden.json ..."
#     BIOASQ_TEST="8B1_golden.json ..." GENERAL_TEXT="books.txt.xz" PUBMED_TEXT="pubmed.txt.xz ..."
#   RECIPE=small (from scratch, each side with its own vocabulary, for a GPU)
#     SQUAD=... GENERAL_TEXT=books.txt.xz PUBMED_TEXT=pubmed.txt.xz BIOASQ_TRAIN=... BIOASQ_TEST=...
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
CHAIN=${CHAIN:-}           # smoke: taught (as mini) or scratch (as small)
PRETRAIN_STEPS=${PRETRAIN_STEPS:-}     # instead of the recipe's
LIST_QUESTIONS=${LIST_QUESTIONS:-}     # not mini. 1: BioASQ list questions with one item a snippet too
TEACHER_SQUAD=${TEACHER_SQUAD:-}       # mini: the teacher's files beside SQUAD_WHOLE, instead of SQUAD
TEACHER_PER_FILE=${TEACHER_PER_FILE:-1800}  # mini: pairs of each of them
MAX_PER_FILE=${MAX_PER_FILE:-3000}     # mini: pairs of each SQUAD file that are labelled
PER_QUESTION=${PER_QUESTION:-3}        # mini: passages retrieved for a question
QUESTIONS=${QUESTIONS:-2900}           # mini: general questions that passages are retrieved for
PASSAGE_SHARE=${PASSAGE_SHARE:-0.6}    # mini: of the text files' lines
DOMAIN_PAIRS=${DOMAIN_PAIRS:-8000}     # mini: pairs of each side's stage on its text, of such passages
CHOOSING=${CHOOSING:-}     # mini. 1: stop before the test sets are read
REPLAY=${REPLAY:-4000}                 # mini: general pairs in the BioASQ stages, so that none is unlearned
PYTHON=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
FIRST=${SEEDS%% *}
# Training frees and takes the same large blocks over and over: keep them in the process. jemalloc, where it
# is installed, keeps a bounded store (3 to 6 GB for the teacher, where glibc's crept to 12). Without it glibc
# is left alone: a sixth slower, but bounded.
jemalloc=$(ldconfig -p 2>/dev/null | awk '/libjemalloc\.so\.2 / && !found {print $NF; found = 1}' || true)
if [ -n "$jemalloc" ]; then
  export LD_PRELOAD=${LD_PRELOAD:-$jemalloc}
  export MALLOC_CONF=${MALLOC_CONF:-thp:always,oversize_threshold:0,dirty_decay_ms:30000,narenas:1}
fi
export TOKENIZERS_PARALLELISM=false

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

# compared FILE NAME BIOM VANILLA: the same on another file, without pooled answers
compared() {
  [ -f "$RUNS/$2.json" ] || train evaluate "$1" --model "$3" --against "$4" --threads "$THREADS" \
    --json "$RUNS/$2.json"
}

mkdir -p "$RUNS"
case $RECIPE in
  smoke)
    CHAIN=${CHAIN:-taught}
    [ -f "$RUNS/data/bioasq_test.json" ] || train smoke-data --out "$RUNS/data"
    SQUAD=$RUNS/data/squad.json SQUAD_WHOLE=$RUNS/data/squad.json
    GENERAL_TEXT=$RUNS/data/text.txt PUBMED_TEXT=$RUNS/data/text.txt CLOZE_COUNT=12
    BIOASQ_TRAIN=$RUNS/data/bioasq_train.json BIOASQ_TEST=$RUNS/data/bioasq_test.json ;;
  mini) CHAIN=taught ;;
  small) CHAIN=scratch ;;
  *) CHAIN=published ;;
esac
case $CHAIN in
  taught) for name in SQUAD_WHOLE SQUAD GENERAL_TEXT PUBMED_TEXT BIOASQ_TRAIN BIOASQ_TEST; do need $name; done ;;
  scratch) for name in SQUAD GENERAL_TEXT PUBMED_TEXT BIOASQ_TRAIN BIOASQ_TEST; do need $name; done ;;
  *) for name in SQUAD BIOASQ_TRAIN BIOASQ_TEST BIOM_START VANILLA_START; do need $name; done ;;
esac
read -ra squad <<<"$SQUAD"; read -ra bioasq <<<"$BIOASQ_TRAIN"; read -ra test <<<"$BIOASQ_TEST"
read -ra whole <<<"${SQUAD_WHOLE:-}"

# A missing or empty file ends the run here, and the price is known before it is paid.
train cost --recipe "$RECIPE" --squad "${whole[@]}" "${squad[@]}" --bioasq "${bioasq[@]}"
[ -f "$RUNS/dev.json" ] || train convert "${test[@]}" --mode card --out "$RUNS/dev.json"

rtd() {  # rtd SIDE START TEXT
  finished "$RUNS/$1-rtd" || train pretrain "$3" --recipe "$RECIPE" --start "$2" --out "$RUNS/$1-rtd" \
    --seed "$FIRST" --threads "$THREADS" ${PRETRAIN_STEPS:+--steps "$PRETRAIN_STEPS"}
}
cloze() {  # cloze SIDE START TEXT
  [ -f "$RUNS/cloze-$1.json" ] ||
    train cloze "$3" --count "${CLOZE_COUNT:-8000}" --seed "$FIRST" --out "$RUNS/cloze-$1.json"
  tune cloze "$2" "$RUNS/$1-cloze" "$FIRST" --squad "$RUNS/cloze-$1.json"
}

# The test sets' questions and texts are kept out of everything that is learned from.
keep_out() {
  kept_out=()
  [ "$RECIPE" != smoke ] || return 0  # made-up texts are alike all over
  [ -f "$RUNS/squad-test.json" ] || train select "${whole[@]}" --test-articles --out "$RUNS/squad-test.json"
  kept_out=("${test[@]}" "$RUNS/squad-test.json")
}
gathered() {  # gathered NAME OPTION...: pairs/NAME.jsonl and, when the teacher is there, its labels
  local name=$1; shift
  [ -f "$RUNS/pairs/$name.jsonl" ] ||
    train gather "$@" --exclude "${kept_out[@]}" "${hold[@]}" --out "$RUNS/pairs/$name.jsonl"
  train label "$RUNS/pairs/$name.jsonl" --model "$RUNS/teacher/bioasq" --threads "$THREADS" \
    --out "$RUNS/labels/$name"
}
taught() {  # taught STAGE START OUT SEED NAME OPTION...: learn from pairs/NAME.jsonl and its labels
  local stage=$1 start=$2 folder=$3 seed=$4 name=$5; shift 5
  tune "$stage" "$start" "$folder" "$seed" --pairs "$RUNS/pairs/$name.jsonl" --exclude "${kept_out[@]}" \
    --teacher-labels "$RUNS/labels/$name" "$RUNS/labels/general" "$@"
}
chain_taught() {
  local texts_general texts_pubmed teacher=teacher
  read -ra texts_general <<<"$GENERAL_TEXT"; read -ra texts_pubmed <<<"$PUBMED_TEXT"
  hold=(--hold-out); [ "$RECIPE" != smoke ] || { hold=(); teacher=smoke; }
  keep_out
  local size=(--count "$DOMAIN_PAIRS"); [ "$RECIPE" = smoke ] || size+=(--min-chars 400)
  # The teacher, and what it says of pairs of four kinds.
  finished "$RUNS/teacher-start" ||
    train initialize --recipe "$teacher" --seed "$FIRST" --out "$RUNS/teacher-start"
  read -ra taught_on <<<"${TEACHER_SQUAD:-$SQUAD}"
  # Two general rounds, each over all of SQUAD_WHOLE and another draw of the other files.
  for round in 1 2; do
    [ -f "$RUNS/teacher-squad-$round.json" ] || train select "${taught_on[@]}" \
      --max-per-file "$TEACHER_PER_FILE" --seed $((FIRST + round - 1)) --exclude "${kept_out[@]}" \
      --out "$RUNS/teacher-squad-$round.json"
  done
  finished "$RUNS/teacher-round-1" || train finetune --recipe "$teacher" --stage squad \
    --start "$RUNS/teacher-start" --squad "${whole[@]}" "$RUNS/teacher-squad-1.json" \
    --exclude "${kept_out[@]}" --seed "$FIRST" --threads "$THREADS" --out "$RUNS/teacher-round-1"
  train teach --recipe "$teacher" --start "$RUNS/teacher-round-1" --squad "${whole[@]}" \
    "$RUNS/teacher-squad-2.json" --bioasq "${bioasq[@]}" --exclude "${kept_out[@]}" "${hold[@]}" \
    --seed $((FIRST + 1)) --threads "$THREADS" --out "$RUNS/teacher"
  [ -f "$RUNS/squad.json" ] || train select "${whole[@]}" "${squad[@]}" --max-per-file "$MAX_PER_FILE" \
    --exclude "${kept_out[@]}" --out "$RUNS/squad.json"
  gathered general --squad "${whole[@]}" "$RUNS/squad.json" --cut 0.75 --unanswerable 0.05
  gathered bioasq --snippets "${bioasq[@]}" --ideal-answers
  gathered biom-domain --questions "${bioasq[@]}" --passages "${texts_pubmed[@]}" \
    --passage-share "$PASSAGE_SHARE" --per-question "$PER_QUESTION" "${size[@]}"
  gathered vanilla-domain --questions "${whole[@]}" "$RUNS/squad.json" --max-questions "$QUESTIONS" \
    --passages "${whole[@]}" "${squad[@]}" "${texts_general[@]}" --passage-share "$PASSAGE_SHARE" \
    --per-question "$PER_QUESTION" "${size[@]}"
  # One start and one general stage for both sides; from here on they differ in text alone.
  finished "$RUNS/start" || train initialize --recipe "$RECIPE" --seed "$FIRST" --out "$RUNS/start"
  taught squad "$RUNS/start" "$RUNS/general" "$FIRST" general
  local replay=(--replay "$RUNS/pairs/general.jsonl" --replay-pairs "$REPLAY")
  for side in vanilla biom; do
    taught squad "$RUNS/general" "$RUNS/$side-domain" "$FIRST" "$side-domain" --learning-rate 1e-4 \
      --epochs 1 "${replay[@]}"
  done
  for seed in $SEEDS; do
    for side in vanilla biom; do
      taught bioasq "$RUNS/$side-domain" "$RUNS/$side-bioasq-$seed" "$seed" bioasq "${replay[@]}"
    done
  done
  VANILLA_LAST=$RUNS/vanilla-domain BIOM_LAST=$RUNS/biom-domain
}
chain_scratch() {  # two starts, each pre-trained on its own text; small: with a vocabulary of its own too
  for side in vanilla biom; do
    text=$PUBMED_TEXT; [ $side = biom ] || text=$GENERAL_TEXT
    finished "$RUNS/$side-start" ||
      train initialize --recipe "$RECIPE" --text "$text" --seed "$FIRST" --out "$RUNS/$side-start"
    rtd $side "$RUNS/$side-start" "$text"
    cloze $side "$RUNS/$side-rtd" "$text"
  done
  VANILLA_START=$RUNS/vanilla-cloze BIOM_START=$RUNS/biom-cloze
  chain_published
}
chain_published() {
  for side in vanilla biom; do
    start=$VANILLA_START; [ $side = vanilla ] || start=$BIOM_START
    tune squad "$start" "$RUNS/$side-squad" "$FIRST" --squad "${squad[@]}"
    for seed in $SEEDS; do
      tune bioasq "$RUNS/$side-squad" "$RUNS/$side-bioasq-$seed" "$seed" --bioasq "${bioasq[@]}" \
        ${LIST_QUESTIONS:+--list-questions}
    done
  done
  VANILLA_LAST=$RUNS/vanilla-squad BIOM_LAST=$RUNS/biom-squad
}

"chain_$CHAIN"
LAST=$FIRST                # what is shipped: the mean of the seeds' weights, where there are several
[ "$SEEDS" = "$FIRST" ] || LAST=mean
for side in vanilla biom; do
  [ $LAST != mean ] || finished "$RUNS/$side-bioasq-mean" ||
    train average $(for seed in $SEEDS; do echo "$RUNS/$side-bioasq-$seed"; done) \
      --out "$RUNS/$side-bioasq-mean"
done
runs=$SEEDS; [ $LAST != mean ] || runs="$SEEDS mean"
if [ -f "$RUNS/squad-test.json" ]; then
  # Choices are made on the held-out questions; the test sets are read once, when all is settled.
  [ -f "$RUNS/choice.json" ] ||
    train convert "${bioasq[@]}" --held-out --mode card --out "$RUNS/choice.json"
  compared "$RUNS/choice.json" choice-before "$BIOM_LAST" "$VANILLA_LAST"
  for run in $runs; do
    compared "$RUNS/choice.json" "choice-$run" "$RUNS/biom-bioasq-$run" "$RUNS/vanilla-bioasq-$run"
  done
  [ -z "${CHOOSING:-}" ] || exit 0
  for side in vanilla biom; do
    [ -f "$RUNS/$side-bioasq-$LAST/calibration.json" ] ||
      train calibrate --model "$RUNS/$side-bioasq-$LAST" --bioasq "${bioasq[@]}" --threads "$THREADS" \
        --measure "BioASQ 8B=$RUNS/dev.json" "SQuAD v2.0, test articles=$RUNS/squad-test.json"
  done
  compared "$RUNS/squad-test.json" squad-test-before "$BIOM_LAST" "$VANILLA_LAST"
  compared "$RUNS/squad-test.json" "squad-test-$LAST" "$RUNS/biom-bioasq-$LAST" "$RUNS/vanilla-bioasq-$LAST"
fi
figures before "$BIOM_LAST" "$VANILLA_LAST"
for run in $runs; do
  figures "$run" "$RUNS/biom-bioasq-$run" "$RUNS/vanilla-bioasq-$run"
done
