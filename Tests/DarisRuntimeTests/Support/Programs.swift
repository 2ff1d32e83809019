import DarisCore
import Foundation

@testable import DarisRuntime

extension TemporaryFolder {
    /// A stand-in for another program, in the shell's language.
    func program(_ name: String, _ script: String) throws -> String {
        let (file, draft) = (path + "/" + name, path + "/" + name + ".draft")
        try "#!/bin/sh\n\(script)\n".write(toFile: draft, atomically: true, encoding: .utf8)
        // By another process: while this one has a program open to write it, children that other tests start have it open too,
        // and it cannot be run.
        _ = try ChildProcess.run("/bin/cp", [draft, file], environment: [:], limit: .seconds(Int64(60)))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
        return file
    }

    /// A stand-in for MPS's control program that writes a line into a journal whenever it is called.
    func mpsControl(journal: String) throws -> String {
        try program(
            "nvidia-cuda-mps-control",
            """
            folder=$(dirname "$CUDA_MPS_PIPE_DIRECTORY")
            command=$(cat)
            echo "$*|$CUDA_MPS_PIPE_DIRECTORY|$CUDA_MPS_LOG_DIRECTORY|$CUDA_VISIBLE_DEVICES|$command" >> \(journal)
            case "$*|$command" in
            "-f|") echo $$ > "$folder/pid"; exec sleep 1000 ;;
            "|quit"*) kill $(cat "$folder/pid") ;;
            *) test -e "$folder/pid" ;;
            esac
            """)
    }
}

/// Whether a process lives, by the number that it has written; one that has ended and that nobody has waited for does not.
func isAlive(_ process: String?) -> Bool {
    let number = process?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    let status = (try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8)) ?? ""
    return status.split(separator: ")").last.map { !$0.hasPrefix(" Z") } ?? false
}
