#!/bin/sh
# Puts the package, where it lies, on the path of an environment, with the command beside its Python.
# Argument: the environment's folder. Run it from the folder that holds include/.
set -eu

environment=$1

"$environment/bin/python" - <<'END'
import pathlib
import sysconfig

pathlib.Path(sysconfig.get_path("purelib"), "headroom.pth").write_text(f"{pathlib.Path('include').resolve()}\n")
END
cat > "$environment/bin/headroom" <<'END'
#!/bin/sh
exec "$(dirname "$0")/python" -m headroom "$@"
END
chmod +x "$environment/bin/headroom"
