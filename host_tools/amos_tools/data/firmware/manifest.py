# For freezing the player into a MicroPython build (FROZEN_MANIFEST=.../firmware/manifest.py). MicroPython's build runs
# this in its own folder and provides `package`, `module` and `require`. The list of files has one owner: package.json.
import json

with open("package.json") as _file:
    _files = [name for name, _source in json.load(_file)["urls"]]

require("sdcard")
require("usb-device-cdc")
package("amos", files=[_name[len("amos/") :] for _name in _files if _name.startswith("amos/")])
for _name in _files:
    if "/" not in _name:
        module(_name)
