import Foundation

/// The threads of a process, and whether each makes way for others (SCHED_IDLE).
struct ThreadPolicies {
    /// Name and number of those that do, and of those that do not.
    let idle: [(name: String, thread: String)]
    let usual: [(name: String, thread: String)]

    /// As the system has them now.
    static func read(process: String = "self") -> ThreadPolicies {
        let tasks = "/proc/\(process)/task"
        var (idle, usual): ([(String, String)], [(String, String)]) = ([], [])
        for thread in (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? [] {
            guard let stat = try? String(contentsOfFile: "\(tasks)/\(thread)/stat", encoding: .utf8),
                let open = stat.firstIndex(of: "("), let close = stat.lastIndex(of: ")")
            else { continue }
            let name = String(stat[stat.index(after: open)..<close])
            // The policy is field 41; the state, field 3, is the first after the name.
            let fields = stat[stat.index(after: close)...].split(separator: " ")
            if fields.count > 38, fields[38] == "5" {
                idle.append((name, thread))
            } else {
                usual.append((name, thread))
            }
        }
        return ThreadPolicies(idle: idle, usual: usual)
    }

    func names(idle: Bool) -> Set<String> { Set((idle ? self.idle : usual).map(\.name)) }
}
