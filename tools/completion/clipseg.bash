# bash completion for clipseg: options come from the command's own help.
_clipseg() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "segment prompt prelabel fetch classify embed index search pull models convert info tokenize bench help --help --version" -- "$current")
        return
    fi
    case $previous in
    help) mapfile -t COMPREPLY < <(compgen -W "segment prompt prelabel fetch classify embed index search pull models convert info tokenize bench" -- "$current"); return ;;
    --type) mapfile -t COMPREPLY < <(compgen -W "f32 f16 int16 int8" -- "$current"); return ;;
    --calibrate) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
    --video) mapfile -t COMPREPLY < <(compgen -W "y4m rgb24" -- "$current"); return ;;
    --matrix) mapfile -t COMPREPLY < <(compgen -W "bt601 bt709 bt2020" -- "$current"); return ;;
    --cpu) mapfile -t COMPREPLY < <(compgen -W "scalar avx2 avx512" -- "$current"); return ;;
    -f | --format) mapfile -t COMPREPLY < <(compgen -W "overlay mask cutout heatmap labels figure report npy npz npz-compressed json coco coco-polygons coco-results yolo labelme labelme-masks labelstudio labelstudio-polygons cvat cvat-polygons segments voc" -- "$current"); return ;;
    --prepare) mapfile -t COMPREPLY < <(compgen -W "crop,blur,darken crop blur darken none" -- "$current"); return ;;
    --label-rule) mapfile -t COMPREPLY < <(compgen -W "guide authors" -- "$current"); return ;;
    esac
    if [ "${current:0:1}" = - ]; then
        local options
        options=$(clipseg help "${COMP_WORDS[1]}" 2>/dev/null | grep -oE -- '--[a-z-]+' | sort -u)
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
        return
    fi
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
}
complete -o filenames -F _clipseg clipseg
