"""An outsider's view: install, then build the example against the installed library, shared and static."""
import os
import shutil
import subprocess
import sys

from harness import MODEL, PICTURE, SOURCE, Skip, main

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
    flags = flags.replace("/usr/local", prefix).split()
    subprocess.run(["cc", "-Wall", "-Werror", os.path.join(SOURCE, "examples", "segment.c"), *flags, "-o", "example"],
                   check=True)
    run("./example", prefix)


def test_the_manual_page_is_well_formed():
    if not shutil.which("man"):
        raise Skip("man is not installed")
    result = subprocess.run(["man", "--warnings", "-l", os.path.join(SOURCE, "docs", "clipseg.1")], capture_output=True,
                            text=True, check=True, env=dict(os.environ, MANWIDTH="100", LC_ALL="C.UTF-8"))
    assert result.stderr == "" and "clipseg segment" in result.stdout, result.stderr


if __name__ == "__main__":
    main(sys.modules[__name__])
