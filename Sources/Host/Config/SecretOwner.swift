import Glibc

/// To whom a new file with a secret belongs, and who may read it. Root makes keys for a gateway that another user runs, and that user must
/// be able to read them: he is the one to whom the folder belongs.
public struct SecretOwner: Sendable, Equatable {
    var user: UInt32
    var group: UInt32
    /// 0600, or 0640.
    var mode: UInt32

    private static let (groupReads, groupEnters): (UInt32, UInt32) = (0o040, 0o010)

    init(user: UInt32, group: UInt32, groupMayRead: Bool) {
        self.user = user
        self.group = group
        mode = 0o600 | (groupMayRead ? Self.groupReads : 0)
    }

    /// - Parameters:
    ///   - file: what it replaces; nil: there is none.
    ///   - folder: in which it is.
    init(file: (user: UInt32, group: UInt32, mode: UInt32)?, folder: (user: UInt32, group: UInt32, mode: UInt32)) {
        if let file {
            self.init(user: file.user, group: file.group, groupMayRead: file.mode & Self.groupReads != 0)
        } else {
            // Of root's folder for a service: the service's group reads, and writes nothing (docs/service.md).
            let isForGroup =
                folder.user == 0 && folder.group != 0
                && folder.mode & (Self.groupReads | Self.groupEnters) == Self.groupReads | Self.groupEnters
            self.init(user: folder.user, group: folder.group, groupMayRead: isForGroup)
        }
    }

    /// For the file at a path.
    public static func at(_ path: String) -> SecretOwner { at(path, replacing: look(path)) }

    private static func at(
        _ path: String, replacing file: (user: UInt32, group: UInt32, mode: UInt32)?
    ) -> SecretOwner {
        let folder = path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[...$0]) } ?? "."
        let own = (user: geteuid(), group: getegid(), mode: UInt32(0o700))
        return SecretOwner(file: file, folder: look(folder) ?? own)
    }

    /// Gives it the file that is open. Where that is not allowed, it stays its maker's.
    func take(_ descriptor: CInt) {
        if fchown(descriptor, user, group) == 0 { fchmod(descriptor, mode) }
    }

    /// Likewise a file in a folder that nobody else can change.
    public func take(path: String) {
        if chown(path, user, group) == 0 { chmod(path, mode) }
    }

    /// There is a file, and those may read it who could read a new one in its folder. Else who serves may be unable to.
    public static func isUsual(_ path: String) -> Bool {
        guard let file = look(path) else { return false }
        return SecretOwner(file: file, folder: file) == at(path, replacing: nil)
    }

    private static func look(_ path: String) -> (user: UInt32, group: UInt32, mode: UInt32)? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return (status.st_uid, status.st_gid, status.st_mode)
    }
}

extension SecretOwner {
    /// Who besides root can read a file, for people; nil: the user who asks can, and that is all there is to say.
    public static func readers(of path: String) -> String? {
        var status = stat()
        guard geteuid() == 0, stat(path, &status) == 0 else { return nil }
        if status.st_uid != 0 { return "\(path) belongs to the user \(userName(status.st_uid))" }
        if status.st_gid != 0, status.st_mode & groupReads != 0 {
            return "\(path) can be read by the group \(groupName(status.st_gid))"
        }
        return
            "\(path) can be read by root alone: if another user runs the gateway, give it to him (chown USER \(path))"
    }

    static func userName(_ id: UInt32) -> String {
        guard let entry = getpwuid(id), let name = entry.pointee.pw_name else { return "\(id)" }
        return String(cString: name)
    }

    private static func groupName(_ id: UInt32) -> String {
        guard let entry = getgrgid(id), let name = entry.pointee.gr_name else { return "\(id)" }
        return String(cString: name)
    }
}
