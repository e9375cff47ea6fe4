"""An outsider's view: install, then build the example against the installed library, shared and static."""
import os
import re
import shutil
import subprocess
import sys

from harness import CLIPSEG, MODEL, PICTURE, SOURCE, Skip, main

BUILD = os.environ.get("CLIPSEG_BUILD", os.path.join(SOURCE, "build", "release"))

CMAKE = """cmake_minimum_required(VERSION 3.25)
project(outside C)
find_package(clipseg REQUIRED)
add_executable(with_shared {source})
target_link_libraries(with_shared PRIVATE clipseg::clipseg)
add_executable(with_static {source})
target_link_libraries(with_static PRIVATE clipseg::static)
"""


def install():
    if "sanitize" in BUILD:
        raise Skip("libraries with sanitizers are not for installing")
    prefix = os.path.abspath("prefix")
    subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, stdout=subprocess.DEVNULL)
    return prefix


def run(program, prefix):
    output = subprocess.run([program, MODEL, PICTURE, "a glass", "fork"], check=True, capture_output=True, text=True,
                            env=dict(os.environ, LD_LIBRARY_PATH=library_folder(prefix))).stdout
    assert output.count("of the picture") == 2 and os.path.exists("mask-1.pgm"), output


def library_folder(prefix):
    for folder, _, names in os.walk(prefix):
        if "libclipseg.so" in names:
            return folder
    raise AssertionError("libclipseg.so was not installed")


def test_a_cmake_project_links_shared_and_static():
    prefix = install()
    os.mkdir("project")
    with open("project/CMakeLists.txt", "w", encoding="utf-8") as f:
        f.write(CMAKE.format(source=os.path.join(SOURCE, "examples", "segment.c")))
    subprocess.run(["cmake", "-S", "project", "-B", "out", f"-DCMAKE_PREFIX_PATH={prefix}"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "out"], check=True, stdout=subprocess.DEVNULL)
    run("out/with_shared", prefix)
    run("out/with_static", prefix)


def test_a_pkg_config_project_links():
    prefix = install()
    environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(library_folder(prefix), "pkgconfig"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "clipseg"], check=True, capture_output=True, text=True,
                           env=environment).stdout
    assert prefix in flags and "/usr/local" not in flags, flags
    subprocess.run(["cc", "-Wall", "-Werror", os.path.join(SOURCE, "examples", "segment.c"), *flags.split(), "-o",
                    "example"], check=True)
    run("./example", prefix)


def test_a_pkg_config_project_links_statically():
    prefix = install()
    environment = dict(os.environ, PKG_CONFIG_PATH=os.path.join(library_folder(prefix), "pkgconfig"))
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "--static", "clipseg"], check=True, capture_output=True,
                           text=True, env=environment).stdout.replace("-lclipseg", "-l:libclipseg.a").split()
    subprocess.run(["cc", os.path.join(SOURCE, "examples", "segment.c"), *flags, "-o", "example"], check=True)
    run("./example", prefix)
    assert "libclipseg" not in subprocess.run(["ldd", "example"], capture_output=True, text=True, check=True).stdout


def test_the_debian_package_installs_runs_and_goes():
    """Into a root of its own: unpacked, and by dpkg with a database of its own."""
    if "sanitize" in BUILD or not shutil.which("dpkg-shlibdeps"):
        raise Skip("no Debian packages are built here")
    subprocess.run(["cpack", "--config", os.path.join(BUILD, "CPackConfig.cmake"), "-B", "packages"], check=True,
                   stdout=subprocess.DEVNULL)
    packages = [name for name in os.listdir("packages") if name.endswith(".deb")]
    assert len(packages) == 1, packages
    package = os.path.abspath(f"packages/{packages[0]}")

    def field(name):
        return subprocess.run(["dpkg-deb", "-f", package, name], check=True, capture_output=True, text=True).stdout
    for library in ("libc6", "libjansson4", "libjpeg62-turbo", "libspng0", "libwebp7", "libutf8proc2"):
        assert library in field("Depends"), field("Depends")
    assert "@" in field("Maintainer") and field("Section").strip() == "graphics" and field("Description").count("\n") > 1

    os.makedirs("root/var/lib/dpkg")
    open("root/var/lib/dpkg/status", "w").close()
    dpkg = ["dpkg", "--root=" + os.path.abspath("root"), "--force-depends", "--force-not-root", "--force-script-chrootless",
            "--log=/dev/null"]
    subprocess.run([*dpkg, "-i", package], check=True, capture_output=True, env=dict(os.environ, PATH=os.environ["PATH"] +
                   ":/usr/sbin:/sbin"))
    environment = dict(os.environ, CLIPSEG_MODEL=MODEL)
    program = os.path.abspath("root/usr/bin/clipseg")
    subprocess.run([program, "segment", PICTURE, "-p", "a glass", "-f", "figure,mask", "-o", "out"], check=True,
                   env=environment)
    assert len(os.listdir("out")) == 2, os.listdir("out")
    for name in ("share/man/man1/clipseg.1", "share/bash-completion/completions/clipseg",
                 "share/zsh/vendor-completions/_clipseg", "include/clipseg.h", "share/doc/clipseg/copyright"):
        assert os.path.exists(f"root/usr/{name}") or os.path.exists(f"root/usr/{name}.gz"), name
    subprocess.run([*dpkg, "-r", "clipseg"], check=True, capture_output=True, env=dict(os.environ, PATH=os.environ["PATH"] +
                   ":/usr/sbin:/sbin"))
    assert not os.path.exists("root/usr/bin/clipseg")


def complete(words):
    """What bash would offer behind these words."""
    script = f"""
source {SOURCE}/tools/completion/clipseg.bash
PATH={os.path.dirname(os.path.abspath(CLIPSEG))}:$PATH
COMP_WORDS=({" ".join(words)} "")
COMP_WORDS[-1]={words[-1]!r}; unset "COMP_WORDS[${{#COMP_WORDS[@]}}-2]"; COMP_WORDS=("${{COMP_WORDS[@]}}")
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_clipseg
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    return subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True).stdout.split()


def test_bash_completes_commands_options_and_values():
    assert "segment" in complete(["clipseg", "seg"]) and "tokenize" not in complete(["clipseg", "seg"])
    assert {"--prompt", "--prompts", "--prompt-image"} <= set(complete(["clipseg", "segment", "--pro"]))
    assert "avx2" in complete(["clipseg", "segment", "--cpu", "av"])
    assert "segment" in complete(["clipseg", "help", "s"])


def zsh_completes(*lines):
    """What the lines become when a person types them into zsh and presses the tab key."""
    script = f"""
zmodload zsh/zpty
zpty shell zsh -fi
zpty -w shell 'unsetopt zle_bracketed_paste; PS1=; fpath=({SOURCE}/tools/completion $fpath); autoload -Uz compinit; compinit -uD'
zpty -w shell 'show() {{ print -r "<<<$BUFFER>>>"; zle kill-buffer }}; zle -N show; bindkey "^X" show; print ready-$((1+1))'
zpty -r shell text '*ready-2*'
for line in {" ".join(map(repr, lines))}; do
    zpty -w -n shell $line$'\\t'$'\\x18'
    zpty -r shell text '*<<<*>>>*'
    print -r -- $text
done
"""
    result = subprocess.run(["zsh", "-fc", script], check=True, capture_output=True, text=True, timeout=60,
                            env=dict(os.environ, PATH=os.path.dirname(os.path.abspath(CLIPSEG)) + ":" + os.environ["PATH"]))
    return re.findall(r"<<<(.*)>>>", result.stdout)


def test_zsh_completes_commands_options_and_values():
    if not shutil.which("zsh"):
        raise Skip("zsh is not installed")
    open("photograph.jpg", "w").close()
    wanted = {"clipseg seg": "clipseg segment ",
              "clipseg segment --skip": "clipseg segment --skip-existing ",
              "clipseg segment -f labelstudio-p": "clipseg segment -f labelstudio-polygons ",
              "clipseg segment --cpu av": "clipseg segment --cpu avx",  # avx2 or avx512
              "clipseg segment phot": "clipseg segment photograph.jpg "}
    found = zsh_completes(*wanted)
    assert found == list(wanted.values()), found


def test_the_manual_page_is_well_formed():
    if not shutil.which("man"):
        raise Skip("man is not installed")
    result = subprocess.run(["man", "--warnings", "-l", os.path.join(SOURCE, "docs", "clipseg.1")], capture_output=True,
                            text=True, check=True, env=dict(os.environ, MANWIDTH="100", LC_ALL="C.UTF-8"))
    assert result.stderr == "" and "clipseg segment" in result.stdout, result.stderr


if __name__ == "__main__":
    main(sys.modules[__name__])
