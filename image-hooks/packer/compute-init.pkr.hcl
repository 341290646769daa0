# Provisions an image with compute-init: bundle, keys and programs are copied into the machine, installed there, and the
# result is judged there. Pick the builders that you use:
#
#   packer build -only='compute-init.qemu.image' -var-file=site.pkrvars.hcl DIRECTORY
#
# Newer Packer wants the plugins named: see plugins.pkr.hcl.example.

variable "bundle" {
  type        = string
  description = "The bundle's archive (compute-init build)."
}
variable "trust" {
  type        = string
  description = "A directory of public keys, NAME.pem, and of nothing else."
}
variable "binaries" {
  type        = string
  description = "The directory of compute-init and compute-init-boot."
}
variable "config" {
  type        = string
  default     = ""
  description = "The nodes' config.yaml."
}
variable "sudo" {
  type        = string
  default     = "sudo -n"
  description = "How the communicator's user becomes root; empty where it is root."
}

variable "base_image" {
  type    = string
  default = "base.qcow2"
}
variable "output" {
  type    = string
  default = "output"
}
variable "ssh_username" {
  type    = string
  default = "rocky"
}
variable "ssh_private_key_file" {
  type    = string
  default = ""
}
variable "openstack_image" {
  type    = string
  default = ""
}
variable "openstack_flavor" {
  type    = string
  default = ""
}
variable "openstack_networks" {
  type    = list(string)
  default = []
}

source "qemu" "image" {
  iso_url              = var.base_image
  iso_checksum         = "none"
  disk_image           = true
  format               = "qcow2"
  output_directory     = var.output
  headless             = true
  ssh_username         = var.ssh_username
  ssh_private_key_file = var.ssh_private_key_file
  ssh_timeout          = "10m"
  shutdown_command     = "${var.sudo} systemctl poweroff"
}

source "openstack" "image" {
  image_name              = "compute-init"
  source_image_name       = var.openstack_image
  flavor                  = var.openstack_flavor
  networks                = var.openstack_networks
  ssh_username            = var.ssh_username
  image_visibility        = "private"
  use_blockstorage_volume = true
}

build {
  name    = "compute-init"
  sources = ["source.qemu.image", "source.openstack.image"]

  # On this machine, before anything is copied: what nodes would refuse ends the build here.
  provisioner "shell-local" {
    inline = ["'${var.binaries}/compute-init' verify '${var.bundle}' --trust '${var.trust}'"]
  }
  provisioner "shell" {
    inline = ["mkdir -m 0700 /tmp/compute-init /tmp/compute-init/trust.d"]
  }
  provisioner "file" {
    sources     = ["${var.binaries}/compute-init", "${var.binaries}/compute-init-boot"]
    destination = "/tmp/compute-init/"
  }
  provisioner "file" {
    source      = var.bundle
    destination = "/tmp/compute-init/bundle.tar.gz"
  }
  provisioner "file" {
    source      = "${var.trust}/"
    destination = "/tmp/compute-init/trust.d"
  }
  provisioner "file" {
    source      = var.config == "" ? "/dev/null" : var.config
    destination = "/tmp/compute-init/config.yaml"
  }
  provisioner "shell" {
    script          = "${path.root}/install.sh"
    execute_command = "${var.sudo} sh '{{ .Path }}'"
  }
}
